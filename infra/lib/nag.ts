/**
 * cdk-nag, and the only way to answer it here. The library takes an empty reason and an id that matches nothing without a word; this does
 * not, and what is acknowledged and never found fails a test.
 */
import { type App, Validations } from "aws-cdk-lib";
import { AwsSolutionsChecks, ServerlessChecks } from "cdk-nag";
import type { IConstruct } from "constructs";

const METADATA = "bodega:acknowledged";

export interface Acknowledged {
  readonly path: string;
  readonly id: string;
  readonly reason: string;
}

/**
 * Accepts one finding at one construct and all below it, for a reason that a reviewer can weigh.
 *
 * @param id as cdk-nag prints it, with its brackets: `AwsSolutions-IAM5[Resource::*]`
 */
export function acknowledge(construct: IConstruct, id: string, reason: string): void {
  const words = reason.trim().split(/\s+/).length;
  if (words < 5) {
    throw new Error(`${construct.node.path}: ${id} is acknowledged without a reason (${JSON.stringify(reason)})`);
  }
  if (!/^(AwsSolutions|Serverless)-[A-Za-z0-9]+(\[.+\])?$/.test(id)) {
    throw new Error(`${construct.node.path}: ${JSON.stringify(id)} is no id of cdk-nag's`);
  }
  Validations.of(construct).acknowledge({ id, reason });
  construct.node.addMetadata(METADATA, { id, reason });
}

/** Adds the rules; `app.synth()` throws when one of them finds what is not acknowledged. */
export function addNag(app: App): void {
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
}

/** All that was acknowledged below a construct. */
export function acknowledged(root: IConstruct): Acknowledged[] {
  return root.node
    .findAll()
    .flatMap((construct) =>
      construct.node.metadata
        .filter((entry) => entry.type === METADATA)
        .map((entry) => ({ path: construct.node.path, ...(entry.data as { id: string; reason: string }) })),
    );
}
