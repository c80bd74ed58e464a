/**
 * What the owner of a shop decides, for each stage: where shoppers come from, what is sold in which currency, who carries mail.
 * Names in capitals are settings of the services as `.env.example` explains them. Nothing here is a secret.
 */

export interface Shop {
  /** A name of our own in front of the shop, and the hosted zone that answers for it; absent: it is found under CloudFront's name. */
  readonly domain?: { readonly name: string; readonly zoneId: string; readonly zoneName: string };
  /** A flat-rate plan of CloudFront's; absent: pay as you go. */
  readonly pricingPlan?: "FREE" | "PRO" | "BUSINESS" | "PREMIUM";
  /** Frontends that browsers may call the API from (CORS), the one of the staff included. */
  readonly origins: readonly string[];
  /** Frontends that may post files to the bucket: the staff's. */
  readonly staffOrigins: readonly string[];
  /** The address that gets alarms by mail; absent: the topic has no subscriber. */
  readonly alarmEmail?: string;
  /** What a month may cost before a warning goes out, in US dollars. */
  readonly monthlyBudget: number;
  readonly currencies: string;
  readonly transaction: Settings<"SHIPPING_RATES" | "TAX_RATE", TransactionOption>;
  readonly notification: Settings<"MAIL_FROM" | "MAIL_PROVIDERS" | "SHOP_NAME" | "SHOP_URL", NotificationOption>;
  readonly user: Settings<never, UserOption>;
  /** Who hears of stock that runs low. */
  readonly staffEmail?: string;
  /** Twilio signs its webhooks with a shared key, the secret TWILIO_WEBHOOK_KEY, and not with the account's token. */
  readonly twilioSharesKey?: true;
  /** What the canary buys, and for whom; absent: there is no canary. */
  readonly canary?: {
    readonly sku: string;
    readonly currency: string;
    readonly email: string;
    readonly country: string;
  };
}

// SES accepts mail for this address and delivers it to no mailbox.
const CANARY = { sku: "CANARY", currency: "USD", email: "success@simulator.amazonses.com", country: "GB" };

type Settings<Required extends string, Optional extends string> = Readonly<
  Record<Required, string> & Partial<Record<Optional, string>>
>;

type TransactionOption =
  | "REDUCED_TAX_RATE"
  | "PAYMENT_WINDOW_MINUTES"
  | "OPEN_ORDERS_PER_OWNER"
  | "HELD_UNITS_PER_OWNER"
  | "DECLINES_PER_OWNER"
  | "OPEN_ORDERS_PER_SOURCE"
  | "HELD_UNITS_PER_SOURCE"
  | "DECLINES_PER_SOURCE"
  | "DECLINES_PER_ORDER"
  | "DECLINE_WINDOW_MINUTES";

type UserOption =
  | "LOGIN_LIMIT"
  | "LOGIN_LIMIT_PER_SOURCE"
  | "REGISTRATION_LIMIT"
  | "REGISTRATION_LIMIT_PER_SOURCE"
  | "GUEST_LIMIT_PER_SOURCE"
  | "SETUP_LIMIT"
  | "SETUP_LIMIT_PER_SOURCE";

type NotificationOption =
  | "SMS_PROVIDERS"
  | "SENDGRID_API_BASE"
  | "TWILIO_ACCOUNT_SID"
  | "TWILIO_API_KEY_SID"
  | "TWILIO_FROM"
  | "TWILIO_MESSAGING_SERVICE_SID"
  | "SHOP_TIME_ZONE"
  | "MAIL_IMAGE_BASES"
  | "TRACKING_URL_BASES"
  | "ORDER_MAILS_PER_RECIPIENT"
  | "ACCOUNT_MAILS_PER_RECIPIENT"
  | "CODE_MAILS_PER_RECIPIENT"
  | "DIRECT_MAILS_PER_RECIPIENT"
  | "SMS_PER_RECIPIENT"
  | "SMS_COUNTRIES"
  | "SMS_PER_COUNTRY_PER_HOUR"
  | "DIRECT_MAILS_PER_RECIPIENT"
  | "KEEP_TRYING_HOURS";

const DEV: Shop = {
  origins: ["http://localhost:3000", "http://localhost:5173"],
  staffOrigins: ["http://localhost:5173"],
  monthlyBudget: 150,
  currencies: "USD,EUR,JPY",
  transaction: { SHIPPING_RATES: "USD:499,EUR:499,JPY:800", TAX_RATE: "8.25" },
  // `log` writes that there was a mail: `dev` sends none to anyone.
  notification: {
    MAIL_FROM: "Bodega <shop@example.com>",
    MAIL_PROVIDERS: "log",
    SHOP_NAME: "Bodega (dev)",
    SHOP_URL: "https://dev.shop.example",
  },
  // One network address buys whole load tests.
  user: { GUEST_LIMIT_PER_SOURCE: "100000" },
  // No canary: it would keep the databases awake, which pause while nothing is asked of them.
};

const PROD: Shop = {
  origins: ["https://shop.example", "https://staff.shop.example"],
  staffOrigins: ["https://staff.shop.example"],
  alarmEmail: "operations@shop.example",
  monthlyBudget: 500,
  currencies: "USD,EUR,JPY",
  transaction: { SHIPPING_RATES: "USD:499,EUR:499,JPY:800", TAX_RATE: "8.25" },
  notification: {
    MAIL_FROM: "Bodega <shop@shop.example>",
    MAIL_PROVIDERS: "ses",
    SHOP_NAME: "Bodega",
    SHOP_URL: "https://shop.example",
  },
  user: {},
  canary: CANARY,
};

export const SHOPS = { dev: DEV, prod: PROD } as const;

/** Whether mail goes out by SES, alone or with others. */
export function sendsBySes(shop: Shop): boolean {
  return shop.notification.MAIL_PROVIDERS.split(",").includes("ses");
}

/** The address that mails are from, without its name: `shop@shop.example`. */
export function mailAddress({ notification: { MAIL_FROM } }: Shop): string {
  return /<([^>]+)>$/.exec(MAIL_FROM)?.[1] ?? MAIL_FROM;
}

export function mailDomain(shop: Shop): string {
  const address = mailAddress(shop);
  return address.slice(address.lastIndexOf("@") + 1);
}

/** Whether the owner has put real addresses in place of the made-up ones above, which end in `.example` or `example.com`. */
export function isFilledIn(shop: Shop): boolean {
  return !/[.@]example\b/.test(JSON.stringify(shop));
}
