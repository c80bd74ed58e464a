//! Checks before a stage is made from nothing.

use anyhow::{Context as _, Result, bail, ensure};

use super::super::line::Line;
use super::super::{command, plan, templates};
use super::Runner;

/// Instances that Lambda keeps unreserved in an account.
const UNRESERVED: u64 = 100;
/// The quota of accounts that are not new, and the least to ask for.
const USUAL: u64 = 1000;

impl Runner<'_> {
    /// A first day gives a living stage other clients and another endpoint at Stripe, and a rehearsal tears it down.
    pub(super) async fn fresh(&self, lines: &[Line]) -> Result<()> {
        if self.wanted.again {
            println!("not asked: --again");
            return Ok(());
        }
        for (service, line) in self.wanted.services().into_iter().zip(lines) {
            if let Some(commit) = self.lookup(line).await? {
                let stage = self.wanted.stage.name();
                bail!(
                    "{stage} lives: its {service} runs {commit}. Without --first it is deployed as on every day; --again makes \
                     it over what is there"
                );
            }
        }
        Ok(())
    }

    /// A new account may have ten; `CloudFormation` would find out with the first service, half an hour later.
    pub(super) async fn room(&self, line: &Line) -> Result<()> {
        let has = self.ask(line).await?;
        let has: u64 = has.parse().with_context(|| format!("the quota {has} is not a number of instances"))?;
        let needs = self.reserved()? + UNRESERVED;
        let more = command::more_concurrency(&self.wanted, &needs.max(USUAL).to_string());
        ensure!(
            has >= needs,
            "the account may run {has} instances of functions at once, and this stage needs {needs} ({UNRESERVED} of them \
             unreserved). Ask for more, and type the same again when it is granted:\n  {more}"
        );
        println!("the account may run {has} instances at once; {needs} are needed");
        Ok(())
    }

    /// By functions of the shop's region: the quota is a region's.
    fn reserved(&self) -> Result<u64> {
        let mut sum = 0;
        for stack in plan::stacks(&self.wanted) {
            if stack.region(&self.wanted.region) == self.wanted.region {
                let template = templates::read(&self.wanted.assembly, &stack.name(self.wanted.stage))?;
                sum += templates::reserved(&template);
            }
        }
        Ok(sum)
    }
}
