//! Steps, as a person reads them.

use std::fmt::{self, Display};

use super::{Stack, Step, Wanted};

impl Step {
    /// For a person, of this very deployment.
    pub(crate) fn description(&self, wanted: &Wanted) -> String {
        match self {
            Self::Deploy(Stack::Service(service)) if wanted.at_once => {
                format!("deploy {service}: a new version, and its aliases moved to it at once, whatever alarms say")
            }
            _ => self.to_string(),
        }
    }
}

impl Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CleanTree => f.write_str("what is deployed is a commit: nothing in the tree is changed"),
            Self::Tools => f.write_str("the tools are there"),
            Self::Account => f.write_str("the credentials are for the stage's account"),
            Self::Fresh => f.write_str("nothing was released to this stage before"),
            Self::Past => f.write_str("no migration takes away what the deployed code still needs"),
            Self::Build => f.write_str("build what is uploaded"),
            Self::Install => f.write_str("install CDK and its library"),
            Self::Synthesize => f.write_str("write the templates of all stacks"),
            Self::Room => f.write_str("the account has room for the instances that functions reserve"),
            Self::Diff(_) => f.write_str("compare with what is deployed; nothing that holds data is lost"),
            Self::Quiet => f.write_str("alarms of the shop wait while it is deployed"),
            Self::Remember(service) => write!(f, "remember which versions of {service} serve"),
            Self::Secrets => f.write_str("every secret that these services read was set by its owner"),
            Self::Deploy(Stack::Service(service)) => {
                write!(
                    f,
                    "deploy {service}: a new version, traffic shifted to it step by step, back by itself on an alarm"
                )
            }
            Self::Deploy(stack) => write!(f, "deploy {stack}"),
            Self::Publish => f.write_str("the issuer's documents are where gateways read them"),
            Self::Migrate(service) => write!(f, "migrate {service}, by its new function"),
            Self::Buy => f.write_str("buy something"),
            Self::BuyAgain => f.write_str("buy something on the versions before"),
            Self::Record(service) => write!(f, "write down which commit {service} runs, and by which versions"),
            Self::Prune(service) => {
                write!(f, "delete old versions of {service}, all but the newest five and those written down")
            }
            Self::Settle(service) => write!(f, "what CloudFormation does to {service} comes to its end, and goes back"),
            Self::Back { service, trigger, version } => write!(f, "{service} {trigger}: back to version {version}"),
            Self::RecordUndo(service) => {
                write!(f, "write down that {service} was taken back: its next deployment moves the alias at once")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::wanted;
    use super::*;

    #[test]
    fn what_moves_at_once_is_said_to_and_what_does_not_is_not() {
        let description =
            |at_once| Step::Deploy(Stack::Service("user-service")).description(&Wanted { at_once, ..wanted() });
        assert_eq!(
            description(true),
            "deploy user-service: a new version, and its aliases moved to it at once, whatever alarms say"
        );
        assert!(description(false).contains("step by step"), "{}", description(false));
    }
}
