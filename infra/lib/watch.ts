/**
 * What looks at the whole: a composite alarm a service, which keeps silent while a deployment runs, the dashboard, the canary, and the
 * budget.
 */
import {
  aws_cloudwatch_actions as actions,
  aws_budgets as budgets,
  aws_cloudwatch as cloudwatch,
  Duration,
  Stack,
  type StackProps,
  type aws_sns as sns,
} from "aws-cdk-lib";
import type { Construct } from "constructs";
import { alarmName, NAMESPACE, type ServiceAlarms, watch } from "./alarms.ts";
import { Canary, type CanaryBasket } from "./canary.ts";
import { dashboard } from "./dashboard.ts";

export interface WatchProps extends StackProps {
  readonly stage: string;
  readonly topic: sns.ITopic;
  /** Where the shop is found. */
  readonly url: string;
  readonly alarms: readonly ServiceAlarms[];
  readonly currencies: readonly string[];
  /** In US dollars. */
  readonly monthlyBudget: number;
  /** What the canary buys; without it there is none. */
  readonly canary?: CanaryBasket;
}

export class WatchStack extends Stack {
  constructor(scope: Construct, id: string, props: WatchProps) {
    super(scope, id, props);
    const { stage, topic } = props;

    const deploying = watch(this, stage, "watch", topic, {
      what: "deploying",
      describe: "A deployment runs, or ran within the last minutes: composite alarms keep silent.",
      metric: new cloudwatch.Metric({
        namespace: NAMESPACE,
        metricName: "Deploying",
        dimensionsMap: { stage },
        statistic: "Maximum",
        period: Duration.minutes(1),
      }),
      threshold: 0,
      // The pipeline writes it before it begins and each minute: where it ends or dies, silence ends by itself. No call could end it: a metric
      // alarm that is set by hand is back where its metric has it within seconds.
      datapoints: 1,
      periods: 3,
      // To tell of a deployment is not its purpose.
      tells: "composite",
    });

    const composites = props.alarms.map((service) => {
      const gathered = service.gathered.map((name) => cloudwatch.Alarm.fromAlarmName(this, `Gathered-${name}`, name));
      const composite = new cloudwatch.CompositeAlarm(this, `Unwell-${service.service}`, {
        compositeAlarmName: alarmName(stage, service.service, "service-unwell"),
        alarmDescription:
          'One of the service\'s alarms is on; the dashboard shows which. docs/operations.md, "service-unwell".',
        alarmRule: cloudwatch.AlarmRule.anyOf(
          ...gathered.map((alarm) => cloudwatch.AlarmRule.fromAlarm(alarm, cloudwatch.AlarmState.ALARM)),
        ),
        actionsSuppressor: deploying,
        // Until the suppressor has seen the pipeline's first figure, and after its last one.
        actionsSuppressorWaitPeriod: Duration.minutes(2),
        actionsSuppressorExtensionPeriod: Duration.minutes(3),
      });
      const tell = new actions.SnsAction(topic);
      composite.addAlarmAction(tell);
      composite.addOkAction(tell);
      return composite;
    });

    const canary = props.canary
      ? new Canary(this, "Canary", { stage, topic, url: props.url, basket: props.canary })
      : undefined;

    dashboard(this, {
      stage,
      region: this.region,
      services: props.alarms,
      currencies: props.currencies,
      canaryName: canary?.canaryName,
      alarmArns: composites.map(({ alarmArn }) => alarmArn),
    });
    this.budget(props);
  }

  /** What the month costs, and the forecast; announced by the topic of the alarms. */
  private budget({ stage, monthlyBudget, topic }: WatchProps): void {
    const tell = (notificationType: string, threshold: number) => ({
      notification: { notificationType, comparisonOperator: "GREATER_THAN", threshold, thresholdType: "PERCENTAGE" },
      subscribers: [{ subscriptionType: "SNS", address: topic.topicArn }],
    });
    new budgets.CfnBudget(this, "Budget", {
      budget: {
        budgetName: alarmName(stage, "watch", "budget"),
        budgetType: "COST",
        timeUnit: "MONTHLY",
        budgetLimit: { amount: monthlyBudget, unit: "USD" },
      },
      notificationsWithSubscribers: [tell("ACTUAL", 80), tell("ACTUAL", 100), tell("FORECASTED", 100)],
    });
  }
}
