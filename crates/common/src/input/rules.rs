//! Rules across the members of a request, which `validator`'s derive declares on the type:
//! `#[validate(schema(function = "..."))]`.

use std::borrow::Cow;

use validator::{Validate, ValidationError, ValidationErrors, ValidationErrorsKind};

use super::Fields;

/// The parameter of a [`ValidationError`] that names the refused member.
const MEMBER: &str = "member";

/// The error of a rule across members: the member to change, with code and message.
pub fn violation(member: &'static str, code: &'static str, message: impl Into<Cow<'static, str>>) -> ValidationError {
    let mut error = ValidationError::new(code).with_message(message.into());
    error.add_param(MEMBER.into(), &member);
    error
}

impl Fields<'_> {
    /// The value, if the rules of its type allow it; otherwise each broken rule is reported with all other refusals.
    ///
    /// Of validator's errors only codes, messages and names of members are passed on: their parameters hold the refused
    /// value, which may be a password.
    pub fn valid<T: Validate>(&mut self, value: T) -> Option<T> {
        let Err(errors) = value.validate() else { return Some(value) };
        self.refuse_each("", &errors);
        None
    }

    fn refuse_each(&mut self, above: &str, errors: &ValidationErrors) {
        for (field, kind) in errors.errors() {
            let below = format!("{above}/{field}");
            match kind {
                ValidationErrorsKind::Field(errors) => {
                    for error in errors {
                        self.refuse_one(above, field, error);
                    }
                }
                ValidationErrorsKind::Struct(errors) => self.refuse_each(&below, errors),
                ValidationErrorsKind::List(items) => {
                    for (index, errors) in items {
                        self.refuse_each(&format!("{below}/{index}"), errors);
                    }
                }
            }
        }
    }

    fn refuse_one(&mut self, above: &str, field: &str, error: &ValidationError) {
        // validator keeps an error of the whole type under a name of its own; its parameter has the member.
        let member = error.params.get(MEMBER).and_then(|member| member.as_str());
        let path = match member {
            Some(member) => format!("{above}/{member}"),
            None if field == "__all__" => above.to_owned(),
            None => format!("{above}/{field}"),
        };
        let code = match error.code {
            Cow::Borrowed(code) => code,
            Cow::Owned(_) => "invalid",
        };
        let message = error.message.clone().unwrap_or("is not valid".into());
        self.refuse_below::<()>(&path, code, message);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::input::{FromFields, Refusal};

    struct Word(String);

    impl std::str::FromStr for Word {
        type Err = Refusal;

        fn from_str(text: &str) -> Result<Self, Refusal> {
            Ok(Self(text.to_owned()))
        }
    }

    #[derive(Validate)]
    #[validate(schema(function = "differ", skip_on_field_errors = false))]
    struct Pair {
        #[validate(length(min = 3, code = "too_short", message = "must have at least 3 characters"))]
        password: String,
        #[validate(email)]
        email: String,
    }

    fn differ(pair: &Pair) -> Result<(), ValidationError> {
        if pair.password == pair.email {
            return Err(violation("password", "same", "must differ from the address"));
        }
        Ok(())
    }

    impl FromFields for Pair {
        fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
            let (password, email) = (fields.text::<Word>("password"), fields.text::<Word>("email"));
            let pair = Self { password: password?.0, email: email?.0 };
            fields.valid(pair)
        }
    }

    struct Pairs;

    impl FromFields for Pairs {
        fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
            fields.objects::<Pair>("pairs", 9).map(|_| Self)
        }
    }

    fn refused(body: Value) -> Vec<(String, String, String)> {
        let Err(errors) = Fields::read::<Pairs>(body) else { return Vec::new() };
        errors.iter().map(|error| (error.pointer.clone(), error.code.clone(), error.message.clone())).collect()
    }

    #[test]
    fn every_rule_that_is_broken_is_reported_at_its_member_and_the_value_is_not() {
        let pair = |password: &str, email: &str| json!({"password": password, "email": email});
        assert_eq!(refused(json!({"pairs": [pair("hunter2", "ada@example.com")]})), []);
        let mut found = refused(json!({"pairs": [pair("hunter2", "ada@example.com"), pair("hu", "hu")]}));
        found.sort();
        let expected = [
            ("/pairs/1/email", "email", "is not valid"),
            ("/pairs/1/password", "same", "must differ from the address"),
            ("/pairs/1/password", "too_short", "must have at least 3 characters"),
        ];
        assert_eq!(found, expected.map(|(p, c, m)| (p.to_owned(), c.to_owned(), m.to_owned())));
        assert!(!format!("{found:?}").contains("hu\""), "{found:?}");
    }
}
