//! Templates against what they write.

use proptest::prelude::*;

use super::*;

struct Request(&'static str);

impl World for Request {
    fn body(&self) -> &[u8] {
        self.0.as_bytes()
    }
    fn parameters(&self) -> Value {
        serde_json::json!({ "path": { "id": "7" }, "querystring": { "q": "x" }, "header": { "X-Own": "me" } })
    }
    fn context(&self, path: &str) -> Option<String> {
        (path == "identity.sourceIp").then(|| "127.0.0.1".to_owned())
    }
    fn stage_variables(&self) -> Value {
        serde_json::json!({ "color": "blue" })
    }
}

fn check(template: &str, expected: &str) {
    let body =
        r#"{"name": "Ann", "n": 3, "list": ["a", "b"], "pets": [{"kind": "dog"}], "quote": "it's \"so\""}"#;
    let written = parse(template).and_then(|nodes| render(&nodes, &Request(body), &mut Overrides::new()));
    assert_eq!(written.as_deref(), Ok(expected), "{template}");
}

#[test]
fn requests_context_and_stage_are_there() {
    check(
        r#"{"who": $input.json('$.name'), "all": $input.json('$.list')}"#,
        r#"{"who": "Ann", "all": ["a","b"]}"#,
    );
    check("$input.path('$.pets[0].kind') ${input.path('$.n')}!", "dog 3!");
    check(
        "$input.params('id') $input.params('q') $input.params('x-own') $input.params().header.get('X-Own')",
        "7 x me me",
    );
    check("$context.identity.sourceIp $stageVariables.color $stageVariables['color']", "127.0.0.1 blue blue");
    check("[$context.nothing][$input.path('$.none')][$input.json('$.none')]", "[][][\"\"]");
    check("$util.escapeJavaScript($input.path('$.quote'))", r#"it\'s \"so\""#);
    check(
        "$util.urlEncode('a b&c') $util.urlDecode('a+b%26') $util.base64Encode('hi') $util.base64Decode('aGk=')",
        "a+b%26c a b& aGk= hi",
    );
    check("#set($j = $util.parseJson('{\"a\": [1, 2]}'))$j.a[1]", "2");
}

#[test]
fn directives_work() {
    check("#set($x = 5)\n#set($y = \"v$x\")\n$x $y ${y}s $!none $none", "5 v5 v5s  $none");
    check("#if($input.path('$.n') > 2 && 1 == 1)big#elseif(true)mid#{else}small#end.", "big.");
    check("#if($input.path('$.none'))a#elseif(!false)b#else c#end", "b");
    check("#foreach($p in $input.path('$.list'))$foreach.count:$p#if($foreach.hasNext),#end#end", "1:a,2:b");
    check("#foreach($i in [1..3])$i#if($i == 2)#break#end#end!", "12!");
    check("#set($m = {\"k\": 1})#foreach($e in $m.entrySet())$e.key=$e.value#end", "k=1");
    check("a## comment\nb#* more\n *#c", "abc");
    check("one\n#stop\ntwo", "one\n");
    check("cost: $5 #1 \\$x C# $", "cost: $5 #1 $x C# $");
}

#[test]
fn values_have_methods_and_operators() {
    check("#set($l = [])#set($ok = $l.add('x'))$l.add(1)$l.size() $l", "true2 [x, 1]");
    check(
        "#set($m = {\"a\": 1})#set($m.b = 2)#set($no = $m.put('c', 3))$m $m.get('c') $m.keySet().size()",
        "{a=1, b=2, c=3} 3 3",
    );
    check(
        "#set($s = 'Hello')$s.toUpperCase() $s.substring(1, 3) $s.replace('l', 'L') $s.length() $s.contains('ell')",
        "HELLO el HeLLo 5 true",
    );
    check("#set($n = (1 + 2) * 3 - 7 / 2 % 3)$n", "9");
    check("#set($t = 'a' + 1)$t#set($b = 'a' == \"a\")$b", "a1true");
    check("#set($q = 'it''s')$q", "it's");
}

#[test]
fn overrides_last_from_one_template_to_the_next() {
    let mut overrides = Overrides::new();
    let first = parse(
        "#set($context.responseOverride.status = 418)#set($context.requestOverride.path.body = $input.body)",
    )
    .unwrap();
    assert_eq!(render(&first, &Request("{}"), &mut overrides).unwrap(), "");
    assert_eq!(overrides["responseOverride"]["status"], 418);
    let second = parse("$context.requestOverride.path.body").unwrap();
    assert_eq!(render(&second, &Request(""), &mut overrides).unwrap(), "{}");
}

#[test]
fn what_makes_no_sense_is_refused_with_its_line() {
    for (template, line) in [
        ("#if(true)x", 1),
        ("a\n#end", 2),
        ("#set($x 5)", 1),
        ("\n\n#set($x = )", 3),
        ("#foreach($x of [])#end", 1),
        ("#* open", 1),
    ] {
        assert_eq!(parse(template).unwrap_err().line, line, "{template}");
    }
    let endless =
        parse("#foreach($a in [1..999])#foreach($b in [1..999])#foreach($c in [1..999])x#end#end#end")
            .unwrap();
    assert!(render(&endless, &Request(""), &mut Overrides::new()).is_err());
}

proptest! {
    #[test]
    fn no_template_makes_it_panic(template in "[$#(){}\\[\\]a-c'\" .!=+0-9\n]{0,60}") {
        if let Ok(nodes) = parse(&template) {
            let _ = render(&nodes, &Request("{}"), &mut Overrides::new());
        }
    }
}
