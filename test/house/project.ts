import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { execa } from 'execa'

/** The project's root folder. */
export const root = join(import.meta.dirname, '../..')

/** Runs a tool of node_modules/.bin by the pinned Node; never rejects on an exit status. */
export async function runTool(
  tool: string,
  args: readonly string[],
  cwd: string,
): Promise<{ readonly status: number | undefined; readonly stdout: string; readonly output: string }> {
  const bin = join(root, 'node_modules/.bin')
  const ended = await execa(join(bin, tool), [...args], {
    cwd,
    reject: false,
    all: true,
    env: { PATH: `${bin}:${process.env.PATH ?? ''}` },
  })
  return { status: ended.exitCode, stdout: ended.stdout, output: ended.all }
}

/** A throw-away tree with the project's own rule files and the given sources. */
export async function fixtureTree(
  rules: readonly string[],
  sources: Readonly<Record<string, string>>,
): Promise<{ readonly path: string; [Symbol.asyncDispose](): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'holdfast-house-'))
  await symlink(join(root, 'node_modules'), join(path, 'node_modules'))
  for (const rule of rules) {
    await mkdir(dirname(join(path, rule)), { recursive: true })
    await cp(join(root, rule), join(path, rule))
  }
  for (const [name, text] of Object.entries(sources)) {
    await mkdir(dirname(join(path, name)), { recursive: true })
    await writeFile(join(path, name), text)
  }
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}
