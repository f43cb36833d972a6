//! `GetAccountSettings`.

use http::{Response, StatusCode};
use serde::Serialize;

use super::Lambda;
use crate::wire::{AwsError, Body, Call, json_response};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetAccountSettingsResponse {
    account_limit: AccountLimit,
    account_usage: AccountUsage,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AccountLimit {
    total_code_size: u64,
    code_size_unzipped: u64,
    code_size_zipped: u64,
    concurrent_executions: u32,
    unreserved_concurrent_executions: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AccountUsage {
    total_code_size: u64,
    function_count: u64,
}

pub(super) async fn settings(lambda: Lambda, _call: Call) -> Result<Response<Body>, AwsError> {
    let settings = lambda.catalog().account_settings();
    let response = GetAccountSettingsResponse {
        account_limit: AccountLimit {
            total_code_size: settings.total_code_limit,
            code_size_unzipped: settings.unzipped_limit,
            code_size_zipped: settings.zipped_limit,
            concurrent_executions: settings.concurrency,
            unreserved_concurrent_executions: settings.unreserved_concurrency,
        },
        account_usage: AccountUsage {
            total_code_size: settings.total_code,
            function_count: settings.functions,
        },
    };
    json_response(StatusCode::OK, &response)
}
