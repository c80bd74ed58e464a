/**
 * What SES needs of a shop that sends by it: the domain that mails are from, a configuration set, and a topic by which SES tells what
 * became of a mail. notification-service confirms the topic's subscription itself (docs/decisions/0036).
 */
import { CfnOutput, Duration, Stack } from "aws-cdk-lib";
import { Effect, PolicyStatement, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { Key } from "aws-cdk-lib/aws-kms";
import { ConfigurationSet, EmailIdentity, EmailSendingEvent, EventDestination, Identity } from "aws-cdk-lib/aws-ses";
import { Subscription, SubscriptionProtocol, Topic } from "aws-cdk-lib/aws-sns";
import { Construct, type IDependable } from "constructs";
import { type Config, named } from "./config.ts";
import { acknowledge } from "./findings.ts";
import { mailDomain } from "./shop.ts";

/** Those that `webhooks/ses.rs` of notification-service understands. */
const EVENTS = [
  EmailSendingEvent.BOUNCE,
  EmailSendingEvent.COMPLAINT,
  EmailSendingEvent.DELIVERY,
  EmailSendingEvent.DELIVERY_DELAY,
  EmailSendingEvent.REJECT,
];

/** SNS repeats for an hour at most, and by itself for a minute only: a deployment of notification-service may take longer. */
const REPEATED = {
  healthyRetryPolicy: {
    minDelayTarget: Duration.seconds(5),
    maxDelayTarget: Duration.minutes(5),
    numRetries: 15,
  },
};

export class Mail extends Construct {
  readonly configurationSetName: string;
  readonly topic: Topic;

  constructor(scope: Construct, id: string, config: Config, key: Key) {
    super(scope, id);
    const { account } = Stack.of(this);
    this.configurationSetName = named(config);
    // What SES tells has the recipients' addresses in it.
    this.topic = new Topic(this, "Events", {
      topicName: named(config, "mail-events"),
      masterKey: key,
      enforceSSL: true,
      signatureVersion: "2",
    });
    key.addToResourcePolicy(
      new PolicyStatement({
        sid: "MailEventsAreEncrypted",
        effect: Effect.ALLOW,
        principals: [new ServicePrincipal("ses.amazonaws.com")],
        actions: ["kms:Decrypt", "kms:GenerateDataKey*"],
        // In the policy of a key, this key is meant.
        resources: ["*"],
        conditions: { StringEquals: { "aws:SourceAccount": account } },
      }),
    );
    const set = new ConfigurationSet(this, "ConfigurationSet", {
      configurationSetName: this.configurationSetName,
      reputationMetrics: true,
    });
    set.addEventDestination("ToTheTopic", { destination: EventDestination.snsTopic(this.topic), events: EVENTS });
    const identity = new EmailIdentity(this, "Identity", { identity: Identity.domain(mailDomain(config.shop)) });
    // With a new one the records that were published are worth nothing.
    identity.applyRemovalPolicy(config.removal);
    identity.dkimRecords.forEach(({ name, value }, index) => {
      new CfnOutput(Stack.of(this), `MailDkim${index + 1}`, {
        value: `${name} CNAME ${value}`,
        description: "To be published in the DNS of the domain that mails are from",
      });
    });
  }

  /** Has SES's events brought to notification-service, from a stack where it answers already: SNS asks for a confirmation but a few times. */
  bringTo(stack: Stack, url: string, once: IDependable): void {
    const subscription = new Subscription(stack, "MailEvents", {
      topic: Topic.fromTopicArn(stack, "MailTopic", this.topic.topicArn),
      protocol: SubscriptionProtocol.HTTPS,
      endpoint: `${url}/webhooks/ses`,
      // A raw message has no signature.
      rawMessageDelivery: false,
      deliveryPolicy: REPEATED,
    });
    subscription.node.addDependency(once);
    acknowledge(
      subscription,
      "Serverless-SNSRedrivePolicy",
      "SNS repeats for an hour; what is lost then is one event of one mail, and SES keeps its own list of who bounced",
    );
  }
}
