/** Findings of cdk-nag that constructs of ours answer beside what is found: how their ids are written. */
import { Stack, Token } from "aws-cdk-lib";
import type { IConstruct } from "constructs";

export { acknowledge } from "./nag.ts";

/** The account, as cdk-nag writes it in the id of a finding. */
export function inAccount(scope: IConstruct): string {
  const { account } = Stack.of(scope);
  return Token.isUnresolved(account) ? "<AWS::AccountId>" : account;
}
