import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { projectRoot } from '../harness/project-root.ts'

/** The code block of the README that says it is run under this name. Throws when there is none. */
export async function readmeBlock(name: string): Promise<string> {
  const text = await readFile(join(projectRoot, 'README.md'), 'utf8')
  const mark = `<!-- run as written by test/e2e/readme.test.ts: ${name} -->`
  const [, after] = text.split(mark)
  const block = /^\s*```\w+\n([\s\S]*?)^```$/m.exec(after ?? '')?.[1]
  if (block === undefined) throw new Error(`the README has no block "${name}"`)
  return block
}

/** The commands of a console block with what it shows them print. */
export function transcript(block: string): { readonly command: string; readonly output: string }[] {
  return block
    .split(/^\$ /m)
    .filter(each => each.trim() !== '')
    .map(each => {
      const [command = '', ...output] = each.trimEnd().split('\n')
      return { command, output: output.join('\n') }
    })
}

/** What must be the same in two outputs of a command: a table's headings, a card's names, a sentence. */
export function shapeOf(output: string): string[] {
  const lines = output.trimEnd().split('\n')
  const [first = ''] = lines
  if (/^[A-Z]{2,}(\s|$)/.test(first)) return first.split(/\s{2,}/)
  return lines.map(line => line.split(/\s{2,}/)[0] ?? '')
}
