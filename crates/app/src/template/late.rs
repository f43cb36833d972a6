//! Values that whoever describes a project names, and only the server knows: outputs of stacks and objects of buckets.
//!
//! A text stands for each until then, as in `{{ebb:stack:shop:Url}}` or `{{ebb:object:bucket:key|default}}`.

const BEGIN: &str = "{{ebb:";
const END: &str = "}}";

/// Where a value is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// The output of a stack.
    Output { stack: String, name: String },
    /// The text of an object.
    Object { bucket: String, key: String },
}

/// A value that is still to be found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Late {
    pub(crate) place: Place,
    /// What it is where there is none.
    pub(crate) default: Option<String>,
}

impl Late {
    /// The text that stands for it.
    pub(crate) fn text(&self) -> String {
        let (kind, first, second) = match &self.place {
            Place::Output { stack, name } => ("stack", stack, name),
            Place::Object { bucket, key } => ("object", bucket, key),
        };
        let default = self.default.as_ref().map(|default| format!("|{default}")).unwrap_or_default();
        format!("{BEGIN}{kind}:{first}:{second}{default}{END}")
    }

    fn read(text: &str) -> Option<Self> {
        let (address, default) = match text.split_once('|') {
            Some((address, default)) => (address, Some(default.to_owned())),
            None => (text, None),
        };
        let mut parts = address.splitn(3, ':').map(str::to_owned);
        let (kind, first, second) = (parts.next()?, parts.next()?, parts.next()?);
        let place = match kind.as_str() {
            "stack" => Place::Output { stack: first, name: second },
            "object" => Place::Object { bucket: first, key: second },
            _ => return None,
        };
        Some(Self { place, default })
    }
}

/// Calls `each` with what stands for values in a text, and puts what it gives in their places.
pub(crate) fn replaced(text: &str, each: &mut dyn FnMut(Late) -> String) -> String {
    let (mut done, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once(BEGIN) {
        done.push_str(before);
        let found = after.split_once(END).and_then(|(inner, after)| Some((Late::read(inner)?, after)));
        let Some((late, after)) = found else {
            done.push_str(BEGIN);
            rest = after;
            continue;
        };
        done.push_str(&each(late));
        rest = after;
    }
    done + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_a_value_is_read_again() {
        let output = |default: Option<&str>| Late {
            place: Place::Output { stack: "shop".into(), name: "Url".into() },
            default: default.map(str::to_owned),
        };
        let object = Late { place: Place::Object { bucket: "b".into(), key: "a/b:c".into() }, default: None };
        for late in [output(None), output(Some("")), output(Some("x y")), object] {
            let mut seen = Vec::new();
            let text = format!("<{}>", late.text());
            let replaced = replaced(&text, &mut |found| {
                seen.push(found);
                "!".to_owned()
            });
            assert_eq!((replaced.as_str(), seen), ("<!>", vec![late]), "{text}");
        }
        assert_eq!(replaced("{{ebb:other}} {{ebb:", &mut |_| String::new()), "{{ebb:other}} {{ebb:");
    }
}
