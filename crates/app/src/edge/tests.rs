use super::*;
use crate::plan::PlannedFunction;

fn rule(from: &str, action: Action, force: bool) -> Rule {
    Rule { from: Pattern(from.to_owned()), when: vec![], action, force }
}

fn redirect(to: &str) -> Action {
    Action::Redirect { to: to.to_owned(), status: 301 }
}

fn rewrite(to: &str) -> Action {
    Action::Rewrite { to: to.to_owned(), status: None }
}

fn function(name: &str, route: &str, before_files: bool) -> PlannedFunction {
    PlannedFunction {
        name: name.to_owned(),
        runtime: "nodejs".to_owned(),
        handler: "index.handler".to_owned(),
        memory: 128,
        timeout: 3,
        environment: BTreeMap::new(),
        routes: vec![route.parse().unwrap()],
        stream: false,
        server: None,
        instance_concurrency: 1,
        inspect: None,
        background: false,
        before_files,
        except: Vec::new(),
        rate_limit: None,
        front: Vec::new(),
        package: Digest::of(b""),
    }
}

fn edge() -> AppEdge {
    let mut plan = Plan::new("a");
    plan.functions = vec![function("api", "/api/*", false), function("early", "/docs/live", true)];
    for file in ["index.html", "about.html", "docs/index.html", "docs/live", "a b.txt", "404.html", "api/x"] {
        plan.files.insert(file.to_owned(), Digest::of(file.as_bytes()));
    }
    plan.short_html = true;
    plan.rules = vec![
        rule("/old/(?<rest>.*)", redirect("/new/{rest}"), true),
        rule("/docs/moved", redirect("https://example.com/x?y=1"), false),
        rule("/about", redirect("/never"), false),
        rule("/there/(?<rest>.*)", rewrite("https://example.com/x/{rest}?k=1"), false),
        rule("/blog/(?<slug>[^/]+)", rewrite("/api/post?slug={slug}"), false),
        rule("/((?!api/|docs).*)\\.md", rewrite("/api/md/{1}"), false),
        rule("/api/.*", Action::Headers(vec![("x-a".to_owned(), "1".to_owned())]), false),
        Rule {
            when: vec![Condition {
                part: Part::Query,
                name: "id".to_owned(),
                value: Some(Pattern("(?<id>.*)".to_owned())),
                not: false,
            }],
            ..rule("/store", redirect("/item/{id}?z"), true)
        },
    ];
    AppEdge::of(&plan)
}

fn check(target: &str, expected: &str) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let header = |_: &str| None;
    let request =
        EdgeRequest { method: "GET", path, query, host: "a.localhost", header: &header, inside: false };
    let (found, headers) = edge().find(&request);
    let mut shown = match found {
        Destination::Nowhere => "nowhere".to_owned(),
        Destination::Function(to) => match to.rewritten {
            Some((path, query)) => format!("{} as {path} {query}", to.function),
            None => to.function.to_string(),
        },
        Destination::File(file) => format!("{} {}", file.path, file.status),
        Destination::Answer { status, location } => format!("{status} {}", location.unwrap_or_default()),
        Destination::Proxy(url) => format!("proxy {url}"),
    };
    for (name, value) in headers {
        shown += &format!(" [{name}: {value}]");
    }
    assert_eq!(shown, expected, "{target}");
}

#[test]
fn rules_files_and_functions_are_tried_in_order() {
    check("/", "index.html 200");
    check("/about", "about.html 200");
    check("/docs", "docs/index.html 200");
    check("/docs/", "docs/index.html 200");
    check("/a%20b.txt", "a b.txt 200");
    check("/docs/live", "a-early");
    check("/api/x", "api/x 200 [x-a: 1]");
    check("/api/y", "a-api [x-a: 1]");
    check("/old/a/b?q=1", "301 /new/a/b?q=1");
    check("/docs/moved?q=1", "301 https://example.com/x?y=1");
    check("/there/a/b?q=2&k=3", "proxy https://example.com/x/a/b?k=1&q=2");
    check("/blog/one?slug=no&q=2", "a-api as /api/post slug=one&q=2");
    check("/readme.md", "a-api as /api/md/readme ");
    check("/docs/readme.md", "404.html 404");
    check("/store?id=5", "301 /item/5?z");
    check("/store", "404.html 404");
    check("/../etc/passwd", "404.html 404");
}

#[test]
fn functions_in_front_come_first_and_those_for_all_paths_last() {
    let mut plan = Plan::new("a");
    let front = vec![Pattern("/guarded(/.*)?".to_owned())];
    plan.functions = vec![
        PlannedFunction { front, routes: Vec::new(), ..function("front", "/x", false) },
        function("rest", "/*", false),
        PlannedFunction {
            except: vec![Pattern("/part/none".to_owned())],
            ..function("part", "/part/*", true)
        },
    ];
    plan.rules = vec![rule("/moved", redirect("/"), false), rule("/guarded", redirect("/x"), true)];
    let edge = AppEdge::of(&plan);
    let check = |path: &str, inside: bool, expected: &str| {
        let header = |_: &str| None;
        let request =
            EdgeRequest { method: "GET", path, query: "", host: "a.localhost", header: &header, inside };
        let shown = match edge.find(&request).0 {
            Destination::Function(to) => to.function.to_string(),
            Destination::Answer { status, .. } => status.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(shown, expected, "{path} {inside}");
    };
    check("/guarded", false, "a-front");
    check("/guarded/x", false, "a-front");
    check("/guarded", true, "301");
    check("/guarded/x", true, "a-rest");
    check("/moved", false, "301");
    check("/other", false, "a-rest");
    check("/part/a", false, "a-part");
    check("/part/none", false, "a-rest");
}

#[test]
fn patterns_that_cannot_be_read_are_refused() {
    for text in ["(", "/(?!x", "[z-a]"] {
        assert!(rule(text, Action::Status(404), false).check().is_err(), "{text}");
    }
}
