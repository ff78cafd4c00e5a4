import { rmSync, writeFileSync } from 'node:fs'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../harness/index.ts'

/** The tools that can be made to misbehave. */
export type FakedTool = 'pg_dump' | 'zstd'

/**
 * What a tool does instead of its work:
 * `gate NAME` waits until the gate is opened, then does its work · `cut N` reads N bytes, ends with 0 and leaves the
 * rest unread · `swallow N` handles N bytes, reads and forgets the rest, ends with 0 · `fail-at-end` does its
 * work to the last byte, then exits 1.
 */
export type ToolFault = `gate ${string}` | `cut ${number}` | `swallow ${number}` | 'fail-at-end'

/** Wrappers around real tools, told what to do by files; without a file they *are* the real tool (exec). */
export interface FakeTools {
  /** Tool → path, for `tools.paths` of an agent's configuration. */
  readonly paths: Readonly<Record<FakedTool, string>>
  /** Folder of the wrappers, for `--tool-folder`. */
  readonly folder: string
  /** The next run of the tool misbehaves, later ones do not. */
  once(tool: FakedTool, fault: ToolFault): void
  /** Every run of the tool misbehaves until `heal`. */
  always(tool: FakedTool, fault: ToolFault): void
  heal(): void
  /** Opens a gate: whoever waits at it goes on. */
  open(gate: string): void
}

export async function fakeTools(
  folder: string,
  real: Readonly<Record<FakedTool, string>>,
): Promise<FakeTools> {
  const control = join(folder, 'control')
  const bin = join(folder, 'tools')
  await mkdir(control, { recursive: true })
  await mkdir(bin, { recursive: true })
  const paths = { pg_dump: join(bin, 'pg_dump'), zstd: join(bin, 'zstd') }
  for (const tool of ['pg_dump', 'zstd'] as const) {
    await writeFile(paths[tool], wrapper(tool, real[tool], control))
    await chmod(paths[tool], 0o755)
  }
  return {
    paths,
    folder: bin,
    once: (tool, fault) => writeFileSync(join(control, `${tool}.once`), `${fault}\n`),
    always: (tool, fault) => writeFileSync(join(control, `${tool}.always`), `${fault}\n`),
    heal: () => {
      for (const tool of ['pg_dump', 'zstd'])
        for (const when of ['once', 'always']) rmSync(join(control, `${tool}.${when}`), { force: true })
    },
    open: gate => writeFileSync(join(control, `${gate}.open`), ''),
  }
}

/** Where the host has a tool. */
export async function toolPath(name: string): Promise<string> {
  return (await run('/bin/sh', ['-c', `command -v ${name}`])).stdout.trim()
}

// `mv` takes the order, so that of two runs at the same time one gets it
function wrapper(tool: string, real: string, control: string): string {
  return `#!/bin/sh
# ${tool} of the fault tests: the real one unless told otherwise
for each; do [ "$each" = --version ] && exec '${real}' "$@"; done
order=
if mv '${control}/${tool}.once' "${control}/${tool}.$$" 2>/dev/null; then read -r order < "${control}/${tool}.$$"
elif [ -e '${control}/${tool}.always' ]; then read -r order < '${control}/${tool}.always'
fi
set -- "$order" "$@"
fault=\${1%% *} rest=\${1#* }
shift
case "$fault" in
gate) until [ -e '${control}'/"$rest".open ]; do sleep 0.02; done ;;
cut) head -c "$rest" | '${real}' "$@"; exit 0 ;;
swallow) { head -c "$rest"; cat > /dev/null; } | '${real}' "$@"; exit 0 ;;
fail-at-end) '${real}' "$@"; exit 1 ;;
esac
exec '${real}' "$@"
`
}
