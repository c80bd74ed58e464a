//! Why a webhook's signature is refused, for all vendors.

/// Why a webhook is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWebhook {
    /// The signature or the signed content is malformed.
    #[error("the signature cannot be read")]
    Malformed,
    /// The signature does not match the content.
    #[error("the signature does not fit")]
    Mismatch,
    /// The time of the signature is outside of the tolerance.
    #[error("the signature is too old, or from the future")]
    OutsideTolerance,
    /// The message belongs to another topic.
    #[error("the message is of another topic")]
    OtherTopic,
    /// An address in the message is not on a host of SNS.
    #[error("an address of the message is on no host of SNS")]
    CertificateHost,
    /// An address in the message is on the SNS host of another region than the topic's.
    #[error("an address of the message is on the host of another region than the topic's")]
    OtherRegion,
    /// The message belongs to another account.
    #[error("the message is about another account")]
    OtherAccount,
}
