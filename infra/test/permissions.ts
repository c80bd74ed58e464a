/**
 * Who may do what, read from synthesized templates and never from constructs: for each role the exact actions and resources, and for each
 * resource with a policy of its own who else is let in. Anything that this cannot name stops it.
 */

import type { Because as Reason } from "../lib/because.ts";

export interface Resource {
  readonly Type: string;
  readonly Properties?: Record<string, unknown>;
}

export interface StackTemplate {
  readonly name: string;
  readonly region: string;
  readonly template: {
    readonly Resources?: Readonly<Record<string, Resource>>;
    readonly Outputs?: Readonly<
      Record<string, { readonly Value: unknown; readonly Export?: { readonly Name: unknown } }>
    >;
    readonly Mappings?: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, unknown>>>>>>;
  };
}

/** One action on one resource that a role may, or may not, take. */
export interface Grant {
  readonly stack: string;
  /** The function or other principal that has the role. */
  readonly holder: string;
  readonly effect: string;
  readonly action: string;
  readonly resource: string;
  readonly condition: string;
  readonly reason: string;
}

/** One principal that a resource's own policy names. */
export interface Admission {
  readonly stack: string;
  readonly resource: string;
  readonly effect: string;
  readonly principal: string;
  readonly action: string;
  /** Which part of the resource, where the policy names one. */
  readonly part: string;
  readonly condition: string;
}

export interface Permissions {
  readonly grants: readonly Grant[];
  readonly trusts: readonly Admission[];
  readonly admissions: readonly Admission[];
}

interface Statement {
  readonly Effect: string;
  readonly Action?: string | readonly string[];
  readonly NotAction?: unknown;
  readonly Resource?: unknown;
  readonly NotResource?: unknown;
  readonly Principal?: unknown;
  readonly NotPrincipal?: unknown;
  readonly Condition?: unknown;
}

type Intrinsic = Record<string, unknown>;

function list<T>(value: T | readonly T[] | undefined): readonly T[] {
  return value === undefined ? [] : Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

/** Logical ids end in eight hexadecimal digits of a hash over the construct's path; a move changes them, a reader gains nothing. */
function short(logicalId: string): string {
  // A version's has one more, over all that it was made of.
  return logicalId.replace(/(?<=CurrentVersion[0-9A-F]{8})[0-9a-f]{32}$/, "").replace(/[0-9A-F]{8}$/, "");
}

/** Writes values of a template as text that stays the same until their meaning changes. */
export class Words {
  constructor(private readonly stacks: readonly StackTemplate[]) {}

  of(value: unknown, stack: StackTemplate): string {
    if (typeof value === "string") {
      return this.literal(value, stack);
    }
    if (typeof value === "number" || typeof value === "boolean") {
      return String(value);
    }
    if (Array.isArray(value)) {
      return value.map((one) => this.of(one, stack)).join(", ");
    }
    const [key, argument] = Object.entries(value as Intrinsic)[0] ?? [];
    switch (key) {
      case "Ref":
        return this.ref(argument as string, stack);
      case "Fn::GetAtt": {
        const [id, attribute] = Array.isArray(argument) ? (argument as string[]) : String(argument).split(/\.(.*)/s);
        return this.resource(id ?? "", stack) + (attribute === "Arn" ? "" : `.${attribute}`);
      }
      case "Fn::Join": {
        const [separator, parts] = argument as [string, unknown[]];
        return parts.map((part) => this.of(part, stack)).join(separator);
      }
      case "Fn::Sub": {
        const [text, values] = (Array.isArray(argument) ? argument : [argument, {}]) as [string, Intrinsic];
        return this.literal(text, stack).replace(/\$\{([^}!]+)\}/g, (_, name: string) => {
          if (name in values) {
            return this.of(values[name], stack);
          }
          const [id, attribute] = name.split(/\.(.*)/s);
          return this.of(attribute ? { "Fn::GetAtt": [id, attribute] } : { Ref: id }, stack);
        });
      }
      case "Fn::ImportValue":
        return this.exported(this.of(argument, stack));
      case "Fn::GetStackOutput":
        return this.output(argument as Record<string, unknown>, stack);
      case "Fn::Select": {
        const [index, from] = argument as [number, unknown];
        const split = (from as Intrinsic)["Fn::Split"] as [string, unknown] | undefined;
        if (split) {
          return `part ${index} of ${this.of(split[1], stack)}`;
        }
        return this.of((from as unknown[])[Number(index)], stack);
      }
      default:
        throw new Error(`${stack.name}: cannot say what ${JSON.stringify(value)} is`);
    }
  }

  private literal(text: string, stack: StackTemplate): string {
    return text
      .replace(/^arn:aws:/, "arn:{p}:")
      .replaceAll(stack.region, "{r}")
      .replaceAll(/\b\d{12}\b/g, "{a}");
  }

  private ref(id: string, stack: StackTemplate): string {
    switch (id) {
      case "AWS::Partition":
        return "{p}";
      case "AWS::Region":
        return "{r}";
      case "AWS::AccountId":
        return "{a}";
      case "AWS::URLSuffix":
        return "amazonaws.com";
      default:
        return this.resource(id, stack);
    }
  }

  private resource(id: string, stack: StackTemplate): string {
    const found = stack.template.Resources?.[id];
    if (!found) {
      throw new Error(`${stack.name}: ${id} is no resource of the stack`);
    }
    const type = found.Type.replace(/^AWS::/, "");
    return `<${type} ${short(id)}>`;
  }

  private exported(name: string): string {
    for (const stack of this.stacks) {
      for (const { Value, Export } of Object.values(stack.template.Outputs ?? {})) {
        if (Export && this.of(Export.Name, stack) === name) {
          return this.of(Value, stack);
        }
      }
    }
    throw new Error(`no stack exports ${name}`);
  }

  private output(argument: Record<string, unknown>, from: StackTemplate): string {
    const stackName = this.of(argument.StackName, from);
    const outputName = String(argument.OutputName);
    const stack = this.stacks.find(({ name }) => name === stackName);
    const output = stack?.template.Outputs?.[outputName];
    if (!stack || !output) {
      throw new Error(`${from.name}: no stack ${stackName} has an output ${outputName}`);
    }
    return this.of(output.Value, stack);
  }

  condition(value: unknown, stack: StackTemplate): string {
    if (value === undefined) {
      return "";
    }
    return Object.entries(value as Record<string, Record<string, unknown>>)
      .flatMap(([operator, tests]) =>
        Object.entries(tests).map(([key, wanted]) => `${operator} ${key} ${this.of(wanted, stack)}`),
      )
      .sort()
      .join("; ");
  }
}

function statements(document: unknown): readonly Statement[] {
  return list((document as { Statement?: Statement | readonly Statement[] } | undefined)?.Statement);
}

function roleIdOf(reference: unknown): string | undefined {
  const intrinsic = reference as { "Fn::GetAtt"?: [string, string]; Ref?: string };
  return intrinsic?.Ref ?? (intrinsic?.["Fn::GetAtt"]?.[1] === "Arn" ? intrinsic["Fn::GetAtt"][0] : undefined);
}

function principals(value: unknown, stack: StackTemplate, words: Words): string[] {
  if (value === "*") {
    return ["*"];
  }
  return Object.entries(value as Record<string, unknown>).flatMap(([kind, who]) =>
    list(who).map((one) => `${kind} ${words.of(one, stack)}`),
  );
}

/** Resource policies, by the type that carries them, and the property that names whose they are. */
const POLICIES: Readonly<Record<string, readonly [document: string, owner: string | undefined]>> = {
  "AWS::DynamoDB::Table": ["ResourcePolicy.PolicyDocument", undefined],
  "AWS::KMS::Key": ["KeyPolicy", undefined],
  "AWS::KMS::ReplicaKey": ["KeyPolicy", undefined],
  "AWS::Logs::ResourcePolicy": ["PolicyDocument", undefined],
  "AWS::S3::BucketPolicy": ["PolicyDocument", "Bucket"],
  "AWS::SecretsManager::ResourcePolicy": ["ResourcePolicy", "SecretId"],
  "AWS::SNS::TopicPolicy": ["PolicyDocument", "Topics"],
  "AWS::SQS::QueuePolicy": ["PolicyDocument", "Queues"],
};

function at(properties: Record<string, unknown> | undefined, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], properties);
}

/** What each role of the stacks may do, and who is let in by resources themselves. */
export function permissions(stacks: readonly StackTemplate[], reasons: readonly Reason[], stage: string): Permissions {
  const words = new Words(stacks);
  const grants: Grant[] = [];
  const trusts: Admission[] = [];
  const admissions: Admission[] = [];
  const said = ({ stack, pattern, action }: Reason) => [stack, pattern, action ?? ""].join(" ");
  const unused = new Set(reasons.map(said));
  const problems: string[] = [];
  const prefix = `bodega-${stage}-`;

  for (const stack of stacks) {
    const resources = Object.entries(stack.template.Resources ?? {});
    const label = stack.name.replace(prefix, "");
    const holders = new Map<string, string>();

    for (const [id, { Type, Properties }] of resources) {
      if (Type !== "AWS::Lambda::Function") {
        continue;
      }
      const role = roleIdOf(Properties?.Role);
      const name = typeof Properties?.FunctionName === "string" ? Properties.FunctionName : short(id);
      if (role === undefined || stack.template.Resources?.[role]?.Type !== "AWS::IAM::Role") {
        problems.push(`${stack.name}: the role of ${name} is not one of its own stack`);
        continue;
      }
      const other = holders.get(role);
      if (other !== undefined) {
        problems.push(`${stack.name}: ${other} and ${name} share a role`);
      }
      holders.set(role, name.replace(`${prefix}${label.replace(/-migrate$/, "")}-`, ""));
    }

    const documents = new Map<string, unknown[]>();
    const attach = (role: string, document: unknown) => documents.set(role, [...(documents.get(role) ?? []), document]);
    for (const [id, { Type, Properties }] of resources) {
      if (Type === "AWS::IAM::Role") {
        documents.set(id, documents.get(id) ?? []);
        if (list(Properties?.ManagedPolicyArns).length > 0) {
          problems.push(
            `${stack.name}: ${short(id)} has a managed policy (${words.of(Properties?.ManagedPolicyArns, stack)})`,
          );
        }
        for (const policy of list(Properties?.Policies as { PolicyDocument: unknown }[] | undefined)) {
          attach(id, policy.PolicyDocument);
        }
        for (const statement of statements(Properties?.AssumeRolePolicyDocument)) {
          for (const principal of principals(statement.Principal, stack, words)) {
            trusts.push({
              stack: label,
              resource: holders.get(id) ?? short(id),
              effect: statement.Effect,
              principal,
              action: list(statement.Action).join(", "),
              part: "",
              condition: words.condition(statement.Condition, stack),
            });
          }
        }
      }
      if (Type === "AWS::IAM::Policy" || Type === "AWS::IAM::ManagedPolicy") {
        const roles = list(Properties?.Roles as unknown[] | undefined);
        if (roles.length === 0) {
          problems.push(`${stack.name}: ${short(id)} belongs to no role`);
        }
        for (const reference of roles) {
          const role = roleIdOf(reference);
          if (role === undefined) {
            problems.push(`${stack.name}: ${short(id)} belongs to a role of another stack`);
          } else {
            attach(role, Properties?.PolicyDocument);
          }
        }
      }
      if (Type === "AWS::IAM::User" || Type === "AWS::IAM::Group" || Type === "AWS::IAM::AccessKey") {
        problems.push(`${stack.name}: ${short(id)} is an ${Type}; the shop has roles only`);
      }
      if (Type === "AWS::Lambda::Permission") {
        const { Action, Principal, SourceArn, SourceAccount, FunctionName } = Properties ?? {};
        const conditions = [
          ...(SourceArn === undefined ? [] : [`ArnLike aws:SourceArn ${words.of(SourceArn, stack)}`]),
          ...(SourceAccount === undefined ? [] : [`StringEquals aws:SourceAccount ${words.of(SourceAccount, stack)}`]),
        ];
        admissions.push({
          stack: label,
          resource: words.of(FunctionName, stack),
          effect: "Allow",
          principal: `Service ${words.of(Principal, stack)}`,
          action: String(Action),
          part: "",
          condition: conditions.join("; "),
        });
      }
      const policy = POLICIES[Type];
      const document = policy && at(Properties, policy[0]);
      if (policy && document !== undefined) {
        const [, owner] = policy;
        const resource = owner ? words.of(Properties?.[owner], stack) : words.of({ Ref: id }, stack);
        for (const statement of statements(document)) {
          if (statement.NotPrincipal !== undefined || statement.NotAction !== undefined) {
            problems.push(`${stack.name}: the policy of ${resource} says who is not meant`);
            continue;
          }
          for (const principal of principals(statement.Principal, stack, words)) {
            admissions.push({
              stack: label,
              resource,
              effect: statement.Effect,
              principal,
              action: [...list(statement.Action)].sort().join(", "),
              part: list(statement.Resource)
                .map((part) => words.of(part, stack))
                .filter((part) => part !== resource && !(Type === "AWS::KMS::Key" && part === "*"))
                .map((part) => part.replace(resource, ""))
                .sort()
                .join(", "),
              condition: words.condition(statement.Condition, stack),
            });
          }
        }
      }
    }

    for (const [role, all] of documents) {
      const holder = holders.get(role) ?? short(role);
      for (const statement of all.flatMap(statements)) {
        if (statement.NotAction !== undefined || statement.NotResource !== undefined) {
          problems.push(`${stack.name}: ${holder} may do all but something (NotAction or NotResource)`);
          continue;
        }
        for (const action of list(statement.Action)) {
          for (const resource of list(statement.Resource)) {
            const where = words.of(resource, stack);
            const patterns = [action, where].filter((text) => text.includes("*"));
            const given = patterns.map((pattern) => {
              const [reason] = reasons
                .filter(
                  (one) => one.stack === stack.name && one.pattern === pattern && action.startsWith(one.action ?? ""),
                )
                .sort((a, b) => (b.action?.length ?? 0) - (a.action?.length ?? 0));
              if (reason) {
                unused.delete(said(reason));
              } else {
                problems.push(
                  `${stack.name}: ${holder} may ${action} on ${where}: because(..., ${JSON.stringify(pattern)}, ...) is missing`,
                );
              }
              return reason?.reason ?? "";
            });
            grants.push({
              stack: label,
              holder,
              effect: statement.Effect,
              action,
              resource: where,
              condition: words.condition(statement.Condition, stack),
              reason: [...new Set(given)].join(" "),
            });
          }
        }
      }
    }
  }

  for (const { principal, effect, condition, resource, stack } of admissions) {
    if (effect === "Allow" && principal.startsWith("Service ") && !/aws:Source(Arn|Account)/i.test(condition)) {
      problems.push(`${stack}: ${resource} lets ${principal} in for any account`);
    }
    if (effect === "Allow" && principal === "*") {
      problems.push(`${stack}: ${resource} lets everybody in`);
    }
  }
  for (const reason of unused) {
    problems.push(`${reason}: the reason belongs to no permission`);
  }
  if (problems.length > 0) {
    throw new Error(`Permissions that cannot stand:\n${[...new Set(problems)].sort().join("\n")}`);
  }
  return { grants, trusts, admissions };
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = rows.map((row) => `| ${row.map(cell).join(" | ")} |`);
  return [`| ${head.join(" | ")} |`, `|${" --- |".repeat(head.length)}`, ...[...new Set(lines)].sort()].join("\n");
}

/** The committed table. */
export function markdown({ grants, trusts, admissions }: Permissions): string {
  return `# Permissions

Written from the synthesized templates of stage \`dev\` by \`UPDATE=1 npm test -- permissions\`; a test compares it byte for byte. \`{p}\`, \`{r}\` and \`{a}\`
are partition, region and account; \`<S3::Bucket Images>\` is the resource of that type and name, in whichever stack it stands.

## What functions and other holders of roles may do

${table(
  ["stack", "holder", "action", "resource", "condition", "why a `*`"],
  grants.map(({ stack, holder, effect, action, resource, condition, reason }) => [
    stack,
    holder,
    effect === "Allow" ? action : `${effect.toLowerCase()} ${action}`,
    resource,
    condition,
    reason,
  ]),
)}

## Who may take the roles

${table(
  ["stack", "role of", "principal", "condition"],
  trusts.map(({ stack, resource, principal, condition }) => [stack, resource, principal, condition]),
)}

## Who is let in by resources themselves

${table(
  ["stack", "resource", "effect", "principal", "actions", "on", "condition"],
  admissions.map(({ stack, resource, effect, principal, action, part, condition }) => [
    stack,
    resource,
    effect,
    principal,
    action,
    part,
    condition,
  ]),
)}
`;
}
