//! Subscription filters of log groups.

use super::*;

const TEMPLATE: &str = "
Resources:
  Group: {Type: 'AWS::Logs::LogGroup', Properties: {LogGroupName: one}}
  Reads:
    Type: AWS::Lambda::Function
    Properties: {Runtime: python3.11, Handler: index.handler, Role: 'arn:aws:iam::000000000000:role/any', Code: {ZipFile: 'x'}}
  Lets:
    Type: AWS::Lambda::Permission
    Properties: {Action: 'lambda:InvokeFunction', FunctionName: !Ref Reads, Principal: logs.amazonaws.com}
  Told:
    Type: AWS::Logs::SubscriptionFilter
    DependsOn: Lets
    Properties: {LogGroupName: !Ref Group, FilterPattern: ERROR, DestinationArn: !GetAtt Reads.Arn}
Outputs:
  Told: {Value: !Ref Told}
";

/// The names and patterns of a group's filters.
fn filters(stacks: &Stacks, group: &str) -> Vec<(String, String)> {
    let filters = stacks.inner.services.log_subscriptions.of_group(group);
    filters.iter().map(|filter| (filter.name.clone(), filter.pattern.clone())).collect()
}

#[tokio::test]
async fn filters_are_made_changed_replaced_and_deleted() {
    let (_data, stacks) = fresh().await;
    let made = stacks.apply("shop", input(TEMPLATE), None).await.unwrap();
    let name = made.resources["Told"].physical.clone();
    assert!(name.starts_with("shop-Told-") && made.outputs[0].value == name, "{name}");
    assert_eq!(filters(&stacks, "one"), [(name.clone(), "ERROR".to_owned())]);

    let changed = TEMPLATE.replace("FilterPattern: ERROR", "FilterPattern: ''");
    stacks.apply("shop", input(&changed), None).await.unwrap();
    assert_eq!(filters(&stacks, "one"), [(name.clone(), String::new())]);

    let named = TEMPLATE.replace("FilterPattern: ERROR", "FilterPattern: ERROR, FilterName: own");
    stacks.apply("shop", input(&named), None).await.unwrap();
    assert_eq!(filters(&stacks, "one"), [("own".to_owned(), "ERROR".to_owned())]);

    let elsewhere = named.replace("LogGroupName: one", "LogGroupName: two");
    stacks.apply("shop", input(&elsewhere), None).await.unwrap();
    assert_eq!(filters(&stacks, "two"), [("own".to_owned(), "ERROR".to_owned())]);
    assert_eq!(filters(&stacks, "one"), []);

    stacks.delete("shop").await.unwrap();
    assert_eq!(filters(&stacks, "two"), []);
}

#[tokio::test]
async fn filters_are_refused_in_the_words_of_the_service() {
    let (_data, stacks) = fresh().await;
    let named = TEMPLATE.replace("FilterPattern: ERROR", "FilterPattern: ERROR, FilterName: own");
    stacks.apply("shop", input(&named), None).await.unwrap();
    let stream = "arn:aws:kinesis:us-east-1:000000000000:stream/s";
    for (from, to, told) in [
        ("!GetAtt Reads.Arn", stream, "ebb calls functions with log events, and arn:aws:kinesis"),
        ("Principal: logs.", "Principal: s3.", "Could not execute the lambda function."),
        ("!Ref Group", "none", "log group none does not exist"),
        ("!Ref Group", "one", "log group one has a subscription filter own already"),
        ("FilterPattern: ERROR", "FilterPattern: '{ $.a'", "Invalid filter pattern"),
        ("FilterPattern: ERROR", "FilterPattern: ERROR, ApplyOnTransformedLogs: true", "no property ApplyOn"),
    ] {
        let given = named.replace("{LogGroupName: one}", "{}").replace(from, to);
        let said = stacks.apply("other", input(&given), None).await.unwrap_err().to_string();
        assert!(said.contains(told), "{to}: {said}");
    }
    assert_eq!(filters(&stacks, "one"), [("own".to_owned(), "ERROR".to_owned())]);
}
