// The service's own check, as a program: one webhook a line in, `true` or `false` a line out.
import { spawnSync } from 'node:child_process';

/** Whether the service takes each of these webhooks. */
export function taken(program, cases) {
  const input = cases.map((each) => JSON.stringify(each)).join('\n') + '\n';
  const run = spawnSync(program, { input, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  if (run.status !== 0) throw new Error(`${program}: ${run.stderr || run.error}`);
  const answers = run.stdout.trim().split('\n').map((line) => line === 'true');
  if (answers.length !== cases.length) throw new Error(`${cases.length} webhooks, ${answers.length} answers`);
  return answers;
}
