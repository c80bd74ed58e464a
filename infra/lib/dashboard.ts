/** One page that says how the shop does: what is sold first, then what it is sold with. */
import { aws_cloudwatch as cloudwatch, Duration } from "aws-cdk-lib";
import type { Construct } from "constructs";
import { NAMESPACE, type ServiceAlarms } from "./alarms.ts";

export interface DashboardProps {
  readonly stage: string;
  readonly services: readonly ServiceAlarms[];
  readonly canaryName?: string;
  readonly currencies: readonly string[];
  readonly alarmArns: readonly string[];
  readonly region: string;
}

const HALF = 12;

function sum(metricName: string, service: string, label = metricName): cloudwatch.Metric {
  return own(metricName, { service }, "Sum", label);
}

function own(
  metricName: string,
  dimensionsMap: Record<string, string>,
  statistic: string,
  label: string,
): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: NAMESPACE,
    metricName,
    dimensionsMap,
    statistic,
    label,
    period: Duration.minutes(5),
  });
}

function aws(
  namespace: string,
  metricName: string,
  dimensionsMap: Record<string, string>,
  statistic: string,
  label: string,
): cloudwatch.Metric {
  return new cloudwatch.Metric({ namespace, metricName, dimensionsMap, statistic, label, period: Duration.minutes(5) });
}

export function dashboard(scope: Construct, props: DashboardProps): cloudwatch.Dashboard {
  const board = new cloudwatch.Dashboard(scope, "Dashboard", {
    dashboardName: `bodega-${props.stage}`,
    defaultInterval: Duration.hours(6),
  });
  const shop = "transaction-service";
  board.addWidgets(
    new cloudwatch.GraphWidget({
      title: "Orders",
      width: HALF,
      left: [
        sum("OrdersPlaced", shop, "placed"),
        sum("OrdersPaid", shop, "paid"),
        sum("PaymentsDeclined", shop, "declined"),
      ],
    }),
    new cloudwatch.GraphWidget({
      title: "Revenue, in minor units",
      width: HALF,
      left: props.currencies.map((currency) => own("Revenue", { service: shop, currency }, "Sum", currency)),
    }),
  );
  board.addWidgets(
    new cloudwatch.GraphWidget({
      title: "Refused for want of stock, and overselling prevented",
      width: HALF,
      left: [
        sum("OutOfStock", "product-service", "refused at checkout"),
        sum("OversellPrevented", "product-service", "raced for the last unit"),
      ],
    }),
    new cloudwatch.GraphWidget({
      title: "Messages that wait, letters that were given up, money that does not add up",
      width: HALF,
      left: props.services
        .filter(({ service }) => service === shop || service === "user-service")
        .map(({ service }) => own("OutboxAge", { service }, "Maximum", `outbox of ${service}, s`)),
      right: [
        sum("DeadLetters", "notification-service", "dead letters"),
        own("LedgerDifference", { service: shop }, "Maximum", "ledger difference"),
      ],
    }),
  );
  for (const { service, functions, queues } of props.services) {
    const name = (trigger: string) => `bodega-${props.stage}-${service}-${trigger}`;
    board.addWidgets(
      new cloudwatch.GraphWidget({
        title: `${service}: requests`,
        width: 8,
        left: [
          sum("Requests", service),
          sum("ClientErrors", service),
          sum("ServerErrors", service),
          sum("ColdStart", service),
        ],
      }),
      new cloudwatch.GraphWidget({
        title: `${service}: latency, ms`,
        width: 8,
        left: ["p50", "p95", "p99"].map((statistic) => own("Latency", { service }, statistic, statistic)),
      }),
      new cloudwatch.GraphWidget({
        title: `${service}: functions`,
        width: 8,
        left: functions.flatMap(({ trigger }) => [
          aws("AWS/Lambda", "ConcurrentExecutions", { FunctionName: name(trigger) }, "Maximum", `${trigger} at once`),
          aws("AWS/Lambda", "Errors", { FunctionName: name(trigger) }, "Sum", `${trigger} crashed`),
          aws("AWS/Lambda", "Throttles", { FunctionName: name(trigger) }, "Sum", `${trigger} throttled`),
        ]),
        right: queues.map(({ name: queue, queueName }) =>
          aws("AWS/SQS", "ApproximateAgeOfOldestMessage", { QueueName: queueName }, "Maximum", `${queue} waits, s`),
        ),
      }),
    );
  }
  board.addWidgets(
    new cloudwatch.AlarmStatusWidget({
      title: "Alarms",
      width: props.canaryName ? HALF : 24,
      height: 6,
      alarms: props.alarmArns.map((arn, index) => cloudwatch.Alarm.fromAlarmArn(board, `Shown${index}`, arn)),
    }),
  );
  if (props.canaryName) {
    board.addWidgets(
      new cloudwatch.GraphWidget({
        title: "Canary: purchases that went through, %",
        width: HALF,
        left: [
          aws("CloudWatchSynthetics", "SuccessPercent", { CanaryName: props.canaryName }, "Minimum", "went through"),
        ],
        leftYAxis: { min: 0, max: 100 },
      }),
    );
  }
  return board;
}
