//! What all lists have in common: filters, `q`, ordering, pages.

use serde_json::{Value, json};

use crate::support::pulp::REPOSITORIES;
use crate::support::{Answer, Server};

/// A server with repositories of these names.
fn with(names: &[&str]) -> Server {
    let server = Server::start();
    for name in names {
        server.repository_with(json!({"name": name}));
    }
    server
}

fn list(server: &Server, key: &str, value: &str) -> Answer {
    let value: String = value.bytes().map(|byte| format!("%{byte:02x}")).collect();
    server.get(&format!("{REPOSITORIES}?{key}={value}"))
}

fn names(answer: Answer) -> String {
    let listed = answer.expect(200).json();
    let mut names: Vec<_> =
        listed["results"].as_array().unwrap().iter().map(|found| found["name"].to_string()).collect();
    names.sort();
    names.join(" ").replace('"', "")
}

#[test]
fn names_are_matched_in_all_ways() {
    let server = with(&["GGGG", "GGHH", "gggg", "GgHh", "áàâãä", "100%_a"]);
    let cases = [
        ("name", "GGGG", "GGGG"),
        ("name__iexact", "gggg", "GGGG gggg"),
        ("name__in", "GGGG,gggg,zzz", "GGGG gggg"),
        ("name__contains", "GH", "GGHH"),
        ("name__icontains", "gh", "GGHH GgHh"),
        ("name__contains", "%_", "100%_a"),
        ("name__contains", "àâ", "áàâãä"),
        ("name__startswith", "GG", "GGGG GGHH"),
        ("name__istartswith", "gg", "GGGG GGHH GgHh gggg"),
        ("name__regex", "^G+$", "GGGG"),
        ("name__iregex", "^g+$", "GGGG gggg"),
    ];
    for (key, value, expected) in cases {
        assert_eq!(names(list(&server, key, value)), expected, "{key}={value}");
    }
}

#[test]
fn expressions_combine_filters() {
    let server = with(&["GGGG", "GGHH", "gggg", "GgHh", "áàâãä"]);
    let cases = [
        ("name=GGGG OR name='gggg'", 2),
        ("name__icontains=gg AND NOT name__contains=HH", 3),
        ("NOT (name__icontains=gg)", 1),
        ("NOT NOT name=GGGG", 1),
        ("name__in=GGGG,gggg", 2),
        ("name__contains=\"àâ\" OR name__contains=HH", 2),
        ("name__icontains=h AND( name=GGHH OR name__contains=Hh)", 2),
        ("name=a OR name=b OR name=c OR name=d OR name=e OR name=f OR name=GGGG", 1),
    ];
    for (expression, count) in cases {
        assert_eq!(list(&server, "q", expression).expect(200).json()["count"], count, "{expression}");
    }
}

#[test]
fn expressions_that_cannot_be_understood_are_refused() {
    let server = with(&[]);
    let choice = r#"{"pulp_type": [{"message": "Select a valid choice. x.y is not one of the available choices.", "code": "invalid_choice"}]}"#;
    let number = r#"{"retain_repo_versions": [{"message": "Enter a number.", "code": "invalid"}]}"#;
    let complex = "Filter expression exceeds allowed complexity.";
    let cases = [
        ("name", "Syntax error in expression."),
        ("name=", "Syntax error in expression."),
        ("name=\"test\" and", "Syntax error in expression."),
        ("name=\"test\" AND (name=\"test2\"", "Syntax error in expression."),
        ("name=a b", "Syntax error in expression."),
        ("foo=1", "Filter 'foo' does not exist."),
        ("q=\"x\"", "You cannot use 'q' in complex filtering."),
        ("ordering=name", "An ordering filter cannot be used in complex filtering."),
        ("retain_repo_versions=abc", number),
        ("name=1 OR name=2 OR name=3 OR name=4 OR name=5 OR name=6 OR name=7 OR name=8", complex),
        ("(name=1 OR name=2) OR name=3 OR name=4 OR name=5 OR name=6 OR name=7", complex),
        ("(name=1 OR NOT name=2) OR name=3 OR name=4 OR name=5 OR name=6", complex),
    ];
    for (expression, message) in cases {
        assert_eq!(list(&server, "q", expression).expect(400).json(), json!({"q": [message]}), "{expression}");
    }
    let generic = server.get("repositories/?q=pulp_type=%22x.y%22").expect(400).json();
    assert_eq!(generic, json!({"q": [choice]}));
    list(&server, "q", &"(".repeat(20_000)).expect(400);
}

#[test]
fn filters_of_nonsense_are_refused() {
    let server = with(&["a"]);
    let other = server.remote("http://127.0.0.1:1/", json!({}));
    let cases = [
        ("nonsense", "1", json!({"errors": ["Invalid Filter: 'nonsense'"]})),
        ("name__foo", "1", json!({"errors": ["Invalid Filter: 'name__foo'"]})),
        ("name", "a\0b", json!({"name": ["Null characters are not allowed."]})),
        ("retain_repo_versions__gt", "abc", json!({"retain_repo_versions__gt": ["Enter a number."]})),
        (
            "retain_repo_versions__range",
            "1",
            json!({"retain_repo_versions__range": ["Range query expects two values."]}),
        ),
        ("pulp_id__in", "abc", json!({"pulp_id__in": ["Enter a valid UUID."]})),
        ("pulp_href__in", "abc", json!(["URI not valid: abc"])),
        ("prn__in", "abc", json!(["Not a valid PRN: abc, must start with 'prn:'"])),
        ("remote", "abc", json!(["URI couldn't be resolved: abc"])),
        ("with_content", "abc", json!(["URI not valid: abc"])),
        ("pulp_label_select", "", json!(["Invalid search term: ''."])),
        ("pulp_label_select", "=bad filter", json!(["Invalid search term: '=bad filter'."])),
        ("pulp_label_select", "!a=b", json!(["Cannot use an operator with '!a'."])),
        (
            "ordering",
            "nonsense",
            json!({"ordering": ["Select a valid choice. nonsense is not one of the available choices."]}),
        ),
    ];
    for (key, value, error) in cases {
        assert_eq!(list(&server, key, value).expect(400).json(), error, "{key}={value}");
    }
    list(&server, "name__regex", "(").expect(400);
    list(&server, "name__regex", &"(a*)*".repeat(2_000)).expect(400);
    // PostgreSQL knows no classes of Unicode.
    assert!(list(&server, "name__regex", r"\pL").status < 500);
    assert_eq!(list(&server, "pulp_href__in", &other).expect(200).json()["count"], 0);
    let times = server.get("tasks/?pulp_created__lt=abc").expect(400).json();
    assert_eq!(times, json!({"pulp_created__lt": ["Enter a valid date/time."]}));
    let choice = json!(["Select a valid choice. foo is not one of the available choices."]);
    assert_eq!(
        server.get("repositories/?pulp_type__in=foo,file.file").expect(400).json(),
        json!({"pulp_type__in": choice})
    );
}

#[test]
fn an_empty_filter_is_no_filter() {
    let server = with(&["a", "b"]);
    for key in ["name", "name__in", "remote", "q", "ordering", "fields"] {
        assert_eq!(list(&server, key, "").expect(200).json()["count"], 2, "{key}");
    }
}

#[test]
fn objects_are_found_by_id_href_and_prn() {
    let server = with(&["a", "b", "c"]);
    let all = server.get(REPOSITORIES).expect(200).json()["results"].clone();
    let two = |key: &str| format!("{},{}", all[0][key].as_str().unwrap(), all[1][key].as_str().unwrap());
    assert_eq!(names(list(&server, "pulp_href__in", &two("pulp_href"))), "b c");
    assert_eq!(names(list(&server, "prn__in", &two("prn"))), "b c");
    let id = all[2]["pulp_href"].as_str().unwrap().rsplit('/').nth(1).unwrap().to_owned();
    assert_eq!(names(list(&server, "pulp_id__in", &id)), "a");
    assert_eq!(server.count("repositories/?pulp_type=file.file"), 3);
}

#[test]
fn lists_are_newest_first_unless_ordered() {
    let server = with(&["b", "c", "a"]);
    let order = |query: &str| {
        let listed = server.get(&format!("{REPOSITORIES}?fields=name&{query}")).expect(200).json();
        listed["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|found| found["name"].as_str().unwrap().to_owned())
            .collect::<String>()
    };
    assert_eq!(order(""), "acb");
    assert_eq!(order("ordering=name"), "abc");
    assert_eq!(order("ordering=-name,pulp_created"), "cba");
    assert_eq!(order("ordering=pulp_created"), "bca");
}

#[test]
fn page_sizes_of_nonsense_are_ignored() {
    let server = with(&["a", "b", "c"]);
    for query in
        ["limit=0", "limit=-1", "limit=abc", "limit=100000", "offset=-1", "offset=abc", "limit=99999999999999999999"]
    {
        let page = server.get(&format!("{REPOSITORIES}?{query}")).expect(200).json();
        assert_eq!(page["results"].as_array().unwrap().len(), 3, "{query}");
    }
    let beyond = server.get(&format!("{REPOSITORIES}?offset=99")).expect(200).json();
    assert_eq!((beyond["count"].clone(), beyond["next"].clone()), (json!(3), Value::Null));
    assert_eq!(beyond["results"], json!([]));
}
