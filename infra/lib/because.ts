/**
 * The reason for a `*` in a permission, beside the grant. The table of permissions (iam.md) prints it, and cannot be written without it.
 */
import { Stack } from "aws-cdk-lib";
import type { IConstruct } from "constructs";

const METADATA = "bodega:because";

export interface Because {
  /** The stack's name. */
  readonly stack: string;
  /** The action or resource with its `*`, as iam.md writes it. */
  readonly pattern: string;
  /** The action that it is about, or how the names of these begin; any that has the pattern, where it is absent. */
  readonly action?: string;
  readonly reason: string;
}

/** Says why a permission of this stack has a `*` in its action or resource. */
export function because(scope: IConstruct, pattern: string, reason: string, action?: string): void {
  if (!pattern.includes("*")) {
    throw new Error(`${scope.node.path}: ${JSON.stringify(pattern)} has no * that needs a reason`);
  }
  if (reason.trim().split(/\s+/).length < 5) {
    throw new Error(`${scope.node.path}: ${pattern} has no reason (${JSON.stringify(reason)})`);
  }
  const stack = Stack.of(scope);
  stack.node.addMetadata(METADATA, { pattern, reason, ...(action === undefined ? {} : { action }) });
}

/** All reasons that were given below a construct. */
export function reasons(root: IConstruct): Because[] {
  return root.node
    .findAll()
    .filter(Stack.isStack)
    .flatMap((stack) =>
      stack.node.metadata
        .filter((entry) => entry.type === METADATA)
        .map((entry) => ({ stack: stack.stackName, ...(entry.data as Omit<Because, "stack">) })),
    );
}
