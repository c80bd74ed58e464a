/**
 * Lines of logs that a person must act upon, each raised once for what it is about. They are watched as they stand: a metric filter counts
 * them, and an alarm tells of the first.
 */

export interface Lines {
  /** The name of the alarm, and of its section in docs/operations.md. */
  readonly what: string;
  readonly describe: string;
  readonly messages: readonly string[];
}

/** By service. The messages never change; a test compares them with the code. All have the level ERROR. */
export const LINES: Readonly<Record<string, readonly Lines[]>> = {
  "transaction-service": [
    {
      what: "money-lines",
      describe:
        "A line of the log is about money: taken and paying for nothing, not given back, disputed, or not understood.",
      messages: [
        "payment does not match its order",
        "refund failed",
        "dispute opened",
        "Stripe status not understood",
        "Stripe object passed over",
        "event passed over, look at its order",
        "Stripe event not understood",
      ],
    },
    {
      what: "limit-lines",
      describe: "A counter of limits differed from the open orders; the sweep corrected it.",
      messages: ["limit counter differs from the open orders; it is set to what they say"],
    },
  ],
  "notification-service": [
    {
      what: "provider-lines",
      describe: "A provider of mail or SMS refuses messages until a person acts, or its circuit is open.",
      messages: ["provider needs our attention", "circuit opens: the provider is left alone for a while"],
    },
  ],
};
