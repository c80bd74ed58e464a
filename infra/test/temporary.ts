/**
 * Each run of the tests has one temporary folder: `tmpdir()` leads into it, for CDK's assemblies as for the tests' own files. It is
 * removed when the run ends, also where tests fail.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Runs in vitest's own process before it starts those of the tests, which inherit what is set here. */
export default function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), "bodega-tests-"));
  process.env.TMPDIR = folder;
  return () => {
    rmSync(folder, { recursive: true, force: true });
  };
}
