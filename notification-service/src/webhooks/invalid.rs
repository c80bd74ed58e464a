//! Why a webhook is refused, whichever vendor it is of.

/// Why a webhook is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWebhook {
    /// The signature, or what it covers, is not of the form that the vendor documents.
    #[error("the signature cannot be read")]
    Malformed,
    /// The signature does not fit.
    #[error("the signature does not fit")]
    Mismatch,
    /// It was signed too long ago, or in the future.
    #[error("the signature is too old, or from the future")]
    OutsideTolerance,
    /// The message is of another topic.
    #[error("the message is of another topic")]
    OtherTopic,
    /// An address in it is on no host of SNS.
    #[error("an address of the message is on no host of SNS")]
    CertificateHost,
    /// An address in it is on a host of SNS in another region than the topic's.
    #[error("an address of the message is on the host of another region than the topic's")]
    OtherRegion,
    /// It is about another account.
    #[error("the message is about another account")]
    OtherAccount,
}
