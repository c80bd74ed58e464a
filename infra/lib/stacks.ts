/** The stacks of one service: the one that serves, and the small one for what operators and the pipeline call. */
import { Stack, type StackProps } from "aws-cdk-lib";
import type { IFunction, IVersion } from "aws-cdk-lib/aws-lambda";
import type { Construct } from "constructs";
import { ServiceFunction } from "./function.ts";
import { Service } from "./service.ts";
import { SERVING, type ServiceName, shapes, type Trigger } from "./services.ts";
import type { Surroundings } from "./settings.ts";

export interface ServiceStackProps extends StackProps {
  readonly service: ServiceName;
  readonly around: Surroundings;
  readonly beforeTraffic?: (scope: Construct, version: IVersion) => IFunction;
}

/** `bodega-<stage>-<service>` */
export class ServiceStack extends Stack {
  readonly service: Service;

  constructor(scope: Construct, id: string, props: ServiceStackProps) {
    super(scope, id, props);
    this.service = new Service(this, "Service", props);
  }
}

/** `bodega-<stage>-<service>-migrate`: deployed, and its `migrate` called, before the service's own stack. No alias: the newest is meant. */
export class MigrateStack extends Stack {
  readonly functions: Readonly<Partial<Record<Trigger, ServiceFunction>>>;

  constructor(scope: Construct, id: string, props: ServiceStackProps) {
    super(scope, id, props);
    const { service, around } = props;
    const functions: Partial<Record<Trigger, ServiceFunction>> = {};
    for (const [name, size] of Object.entries(shapes(around.config)[service].functions)) {
      const trigger = name as Trigger;
      if (!SERVING.includes(trigger)) {
        const id = trigger === "migrate" ? "Migrate" : "Admin";
        functions[trigger] = new ServiceFunction(this, id, { service, trigger, size, around });
      }
    }
    this.functions = functions;
  }
}
