//! The stacks of a stage.

use std::fmt::{self, Display};

use super::Stage;

/// A stack of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stack {
    Data,
    Events,
    Migrate(&'static str),
    Service(&'static str),
    Edge,
    Watch,
}

impl Stack {
    /// As CloudFormation knows it.
    pub(crate) fn name(self, stage: Stage) -> String {
        let stage = stage.name();
        match self {
            Self::Data => format!("bodega-{stage}-data"),
            Self::Events => format!("bodega-{stage}-events"),
            Self::Migrate(service) => format!("bodega-{stage}-{service}-migrate"),
            Self::Service(service) => format!("bodega-{stage}-{service}"),
            Self::Edge => format!("bodega-{stage}-edge"),
            Self::Watch => format!("bodega-{stage}-watch"),
        }
    }

    /// In `dev` they go with the stack: of `cargo xtask test`, which reads the templates, this is the list.
    pub(crate) fn has_buckets(self) -> bool {
        matches!(self, Self::Data | Self::Edge)
    }

    /// CloudFront takes its certificate and its firewall from there only.
    pub(crate) fn region(self, shop: &str) -> &str {
        if self == Self::Edge { "us-east-1" } else { shop }
    }
}

impl Display for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data => f.write_str("data"),
            Self::Events => f.write_str("events"),
            Self::Migrate(service) => write!(f, "{service}-migrate"),
            Self::Service(service) => f.write_str(service),
            Self::Edge => f.write_str("edge"),
            Self::Watch => f.write_str("watch"),
        }
    }
}
