//! Why a webhook is refused, whichever vendor it is of.

use std::fmt;

/// Why a webhook is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalid {
    /// The signature, or what it covers, is not of the form that the vendor documents.
    Malformed,
    /// The signature does not fit.
    Mismatch,
    /// It was signed too long ago, or in the future.
    NotNow,
    /// The message is of another topic.
    OtherTopic,
    /// An address in it is on no host of SNS.
    CertificateHost,
    /// An address in it is on a host of SNS in another region than the topic's.
    OtherRegion,
    /// It is about another account.
    OtherAccount,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the signature cannot be read",
            Self::Mismatch => "the signature does not fit",
            Self::NotNow => "the signature is too old, or from the future",
            Self::OtherTopic => "the message is of another topic",
            Self::CertificateHost => "an address of the message is on no host of SNS",
            Self::OtherRegion => "an address of the message is on the host of another region than the topic's",
            Self::OtherAccount => "the message is about another account",
        })
    }
}

impl std::error::Error for Invalid {}
