//! The services: a folder each, a file for each operation or family of operations.

mod apigateway;
pub mod apigatewayv2;
pub mod cloudformation;
pub mod ecr;
pub mod events;
pub mod execute_api;
pub mod iam;
pub mod lambda;
pub mod logs;
pub mod s3;
pub mod scheduler;
pub mod sns;
pub mod sqs;
pub mod ssm;
pub mod sts;
