//! Each intrinsic function, parameters, and the order of resources.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::document::expand;
use super::*;

struct Fake;

impl World for Fake {
    fn reference(&self, logical: &str) -> Option<Json> {
        (logical == "Queue").then(|| "http://queue".into())
    }

    fn attribute(&self, logical: &str, attribute: &str) -> Option<Json> {
        (logical == "Queue" && attribute == "Arn").then(|| "arn:queue".into())
    }

    fn import(&self, export: &str) -> Option<Json> {
        (export == "net-Vpc").then(|| "vpc-1".into())
    }
}

const HEAD: &str = "
Parameters:
  Stage: {Type: String, Default: dev}
  Zones: {Type: CommaDelimitedList, Default: 'a, b'}
  Size: {Type: Number, Default: 5}
Mappings:
  Map: {us-east-1: {ami: x1, list: [p, q]}}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
  NotProd: !Not [!Condition IsProd]
  Both: !And [!Condition NotProd, !Equals [1, '1']]
  Either: !Or [!Condition IsProd, !Condition NotProd]
  Round: !Not [!Condition Round]
Resources:
  Queue: {Type: 'AWS::SQS::Queue'}
  Gone: {Type: 'AWS::SQS::Queue', Condition: IsProd}
";

fn evaluate(expression: &str) -> Result<Option<Json>, Fault> {
    let template = Template::read(&parse(HEAD).unwrap()).unwrap();
    let parameters = resolve_parameters(&template.parameters, &BTreeMap::new(), &|_| None).unwrap();
    let pseudo = Pseudo {
        account: "000000000000".into(),
        region: "us-east-1".into(),
        stack_name: "app".into(),
        stack_id: "arn:stack".into(),
    };
    Evaluator::new(&template, &parameters, &pseudo, &Fake).value(&parse(expression).unwrap())
}

#[test]
fn each_intrinsic_function_gives_its_value() {
    let check = |expression: &str, expected: Json| {
        assert_eq!(evaluate(expression), Ok(Some(expected)), "{expression}");
    };
    check("!Ref Stage", json!("dev"));
    check("!Ref Zones", json!(["a", "b"]));
    check("!Ref Queue", json!("http://queue"));
    check("!Ref AWS::Region", json!("us-east-1"));
    check(
        "[!Ref AWS::AccountId, !Ref AWS::StackName, !Ref AWS::Partition]",
        json!(["000000000000", "app", "aws"]),
    );
    check("!GetAtt Queue.Arn", json!("arn:queue"));
    check("Fn::GetAtt: [Queue, Arn]", json!("arn:queue"));
    check("Fn::GetAtt: Queue.Arn", json!("arn:queue"));
    check(
        "!Sub '${Stage}-${AWS::Region}-${Queue.Arn}-${!Raw}-$x'",
        json!("dev-us-east-1-arn:queue-${Raw}-$x"),
    );
    check("!Sub ['${A}/${Stage}', {A: !Ref Size}]", json!("5/dev"));
    check("!Join ['-', [a, !Ref Stage, 3]]", json!("a-dev-3"));
    check("!Join [',', !Ref Zones]", json!("a,b"));
    check("!Select [1, [x, y]]", json!("y"));
    check("!Select ['0', !Split [':', !GetAtt Queue.Arn]]", json!("arn"));
    check("!Split ['.', 'a.b.']", json!(["a", "b", ""]));
    check("!If [IsProd, a, b]", json!("b"));
    check("!If [Both, !Ref Stage, b]", json!("dev"));
    check("!If [Either, 1, 2]", json!(1));
    check("{a: !If [IsProd, 1, !Ref AWS::NoValue], b: 2}", json!({"b": 2}));
    check("[a, !Ref AWS::NoValue]", json!(["a"]));
    check("!FindInMap [Map, !Ref AWS::Region, ami]", json!("x1"));
    check("!FindInMap [Map, us-east-1, list]", json!(["p", "q"]));
    check("!FindInMap [Map, other, ami, {DefaultValue: none}]", json!("none"));
    check("!ImportValue net-Vpc", json!("vpc-1"));
    check("!ImportValue {'Fn::Sub': 'net-Vpc'}", json!("vpc-1"));
    check("!Base64 hello", json!("aGVsbG8="));
    check("!Cidr ['10.0.0.0/16', 3, 8]", json!(["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"]));
    check("!Cidr ['fd00::/56', 2, 64]", json!(["fd00::/64", "fd00:0:0:1::/64"]));
    check("!GetAZs ''", json!(["us-east-1a", "us-east-1b", "us-east-1c"]));
    check("!Length [a, b]", json!(2));
    check("!ToJsonString {a: [!Ref Stage]}", json!("{\"a\":[\"dev\"]}"));
    check("!Equals [!Ref Size, 5]", json!(true));
}

#[test]
fn what_cannot_be_computed_says_why() {
    for (expression, why) in [
        ("!Ref Nope", "neither a resource nor a parameter"),
        ("!GetAtt Queue.Nope", "has no attribute Nope"),
        ("!GetAtt Nope.Arn", "no resource of this template"),
        ("!Ref Gone", "condition IsProd is false"),
        ("!Sub '${Nope}'", "neither a resource"),
        ("!Sub '${Stage'", "${ without }"),
        ("!Select [2, [a]]", "cannot select 2 of a list of 1"),
        ("!Join [',', x]", "takes a list here, not a string"),
        ("!If [Nope, 1, 2]", "no condition Nope"),
        ("!If [Round, 1, 2]", "depends on itself"),
        ("!FindInMap [Map, x, y]", "there is no Map.x.y"),
        ("!ImportValue nope", "No export named nope"),
        ("!Cidr ['10.0.0.0/30', 10, 2]", "cannot divide"),
        ("!Split ['', a]", "not empty"),
        ("!RefAll x", "Fn::RefAll is not built"),
    ] {
        let said = evaluate(expression).unwrap_err().to_string();
        assert!(said.contains(why) && said.starts_with("line 1"), "{expression}: {said}");
    }
}

#[test]
fn parameters_are_checked() {
    let check = |declared: &str, given: &str, expected: Result<Json, &str>| {
        let node = parse(&format!("P: {declared}")).unwrap();
        let given = BTreeMap::from([("P".to_owned(), given.to_owned())]);
        let given = if given["P"] == "-" { BTreeMap::new() } else { given };
        let stored = |name: &str| (name == "/x").then(|| "21".to_owned());
        match (resolve_parameters(node.entries(), &given, &stored), expected) {
            (Ok(values), Ok(expected)) => assert_eq!(values["P"].value, expected, "{declared}"),
            (Err(fault), Err(why)) => assert!(fault.to_string().contains(why), "{declared}: {fault}"),
            (got, _) => panic!("{declared}: {got:?}"),
        }
    };
    check("{Type: String}", "x", Ok(json!("x")));
    check("{Type: String}", "-", Err("[P] must have values"));
    check("{Type: Number}", "x", Err("must be a number"));
    check("{Type: Number, MinValue: 3}", "2", Err("not less than 3"));
    check("{Type: Number, MaxValue: 3}", "4", Err("not greater than 3"));
    check("{Type: String, AllowedValues: [a, b]}", "c", Err("one of a, b"));
    check(
        "{Type: String, AllowedPattern: '[a-z]+', ConstraintDescription: lower}",
        "C",
        Err("constraint: lower"),
    );
    check("{Type: String, MinLength: 3}", "ab", Err("at least 3 characters"));
    check("{Type: String, MaxLength: 1}", "ab", Err("at most 1 characters"));
    check("{Type: 'List<Number>'}", "1, 2", Ok(json!(["1", "2"])));
    check("{Type: 'List<Number>'}", "1,x", Err("must be a number"));
    check("{Type: CommaDelimitedList, Default: 'a,b'}", "-", Ok(json!(["a", "b"])));
    check("{Type: 'AWS::SSM::Parameter::Value<String>', Default: /x}", "-", Ok(json!("21")));
    check(
        "{Type: 'AWS::SSM::Parameter::Value<String>', Default: /y}",
        "-",
        Err("not in the parameter store"),
    );
    check("{Default: x}", "-", Err("has no Type"));
    check("{Type: String, Foo: x}", "x", Err("has Foo"));
}

#[test]
fn resources_come_after_what_they_need() {
    let check = |text: &str, expected: Result<&str, &str>| {
        let template = Template::read(&parse(text).unwrap()).unwrap();
        let ordered = in_order(&template, &|_| true)
            .map(|all| all.iter().map(|one| one.logical.clone()).collect::<Vec<_>>().join(" "));
        match (ordered, expected) {
            (Ok(order), Ok(expected)) => assert_eq!(order, expected),
            (Err(fault), Err(why)) => assert!(fault.to_string().contains(why), "{fault}"),
            (got, _) => panic!("{got:?}"),
        }
    };
    check("Resources:\n  A: {Type: T, Properties: {X: !Ref B}}\n  B: {Type: T}\n  C: {Type: T}", Ok("B A C"));
    check(
        "Resources:\n  A: {Type: T, Properties: {X: [!Sub '${B.Arn}']}}\n  B: {Type: T, DependsOn: C}\n  C: {Type: T}",
        Ok("C B A"),
    );
    check(
        "Resources:\n  A: {Type: T, Properties: {X: !GetAtt B.X}}\n  B: {Type: T, DependsOn: [A]}",
        Err("line 2: Circular dependency between resources: [A, B]"),
    );
    check("Resources:\n  A: {Type: T, DependsOn: Z}", Err("depends on Z"));
    check("Resources:\n  A: {Type: T, Properties: {X: !Sub ['${V}${Z}', {V: 1}]}}", Err("Z is neither"));
}

#[test]
fn wrong_templates_name_the_line() {
    for (text, why) in [
        ("Resources: {}", "At least one Resources member"),
        ("Resources:\n  A:\n    Properties: {}", "line 2: resource A has no Type"),
        ("Resources:\n  A-B: {Type: T}", "only letters and digits"),
        ("Resources:\n  A: {Type: T, Propertys: {}}", "has Propertys"),
        ("Foo: 1\nResources:\n  A: {Type: T}", "line 1: a template has no section Foo"),
        ("Resources:\n  A: {Type: T}\nOutputs:\n  X: {}", "line 4: output X has no Value"),
    ] {
        let said = Template::read(&parse(text).unwrap()).unwrap_err().to_string();
        assert!(said.contains(why), "{text}: {said}");
    }
}

#[test]
fn loops_are_expanded() {
    let text = "
Transform: AWS::LanguageExtensions
Resources:
  Fn::ForEach::Queues:
    - Name
    - [a-1, B]
    - Queue&{Name}:
        Type: AWS::SQS::Queue
        Properties: {QueueName: !Sub 'q-${Name}', Tags: [!Ref Name]}
";
    let root = expand(parse(text).unwrap(), &|_| None).unwrap();
    assert_eq!(
        root.get("Resources").unwrap().to_json(),
        json!({
            "Queuea1": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Fn::Sub": "q-a-1"}, "Tags": ["a-1"]}},
            "QueueB": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Fn::Sub": "q-B"}, "Tags": ["B"]}},
        })
    );
}
