import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import stringWidth from 'string-width'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Terminal } from '../../cli/command.ts'
import { program } from '../../cli/program.ts'
import { type Leaf, leavesOf } from '../../cli/tree.ts'
import { played, stillCoordinator } from './golden/run-scenes.ts'
import { scenes } from './golden/scenes.ts'
import { holdfast } from './holdfast.ts'

const nowhere = { environment: {} } as Terminal
const leaves = leavesOf(program(nowhere))
const nameOf = ({ path }: Leaf) => path.join(' ')
const changes = ({ command }: Leaf) => command.options.some(each => each.long === '--request-id')
const folder = join(import.meta.dirname, 'golden')
const fileOf = (name: string, width: number) => `${name.replaceAll(' ', '-')}.${width}.txt`

/** What every scene says, by command and width. */
const told = new Map<string, string>()

beforeAll(async () => {
  await using coordinator = await stillCoordinator()
  // what changes the fleet comes after all that shows it, whichever test is asked for
  for (const leaf of [...leaves].sort((a, b) => Number(changes(a)) - Number(changes(b))))
    for (const width of [80, 140]) {
      const texts: string[] = []
      for (const [n, scene] of (scenes[nameOf(leaf)] ?? []).entries()) {
        const shown = await played(
          changes(leaf) ? `${scene} --request-id golden-${nameOf(leaf).replaceAll(' ', '-')}-${n}` : scene,
          width,
          coordinator.address,
        )
        texts.push(shown.replace(/ --request-id golden-\S+$/m, ''))
      }
      told.set(`${nameOf(leaf)} ${width}`, texts.join('\n'))
    }
})

describe.each(leaves.map(nameOf))('holdfast %s', name => {
  test('has scenes for its golden files', () => {
    expect(
      scenes[name] ?? [],
      `add \`'${name}': [...]\` to test/cli/golden/scenes.ts (what it needs of a fleet: seed.ts), run this test once, read the golden files it writes, and commit them`,
    ).not.toEqual([])
  })

  test.each([80, 140])('says what its golden file says in a terminal of %i columns', async width => {
    await expect(told.get(`${name} ${width}`)).toMatchFileSnapshot(join(folder, fileOf(name, width)))
  })

  test.each([80, 140])('fits a terminal of %i columns', width => {
    const wide = (told.get(`${name} ${width}`) ?? '')
      .split('\n')
      .filter(line => !line.startsWith('$ ') && stringWidth(line) > width && !isOneWord(line))
    // an archive's lines and a shell's are for programs
    if (name !== 'audit export' && !name.startsWith('completion ')) expect(wide).toEqual([])
  })

  test('has help with an example that is one of its own', async () => {
    const { status, out } = await holdfast([...name.split(' '), '--help'])
    expect(status).toBe(0)
    expect(out, `give \`holdfast ${name}\` an example`).toMatch(/Examples?:\n {2}\$ /)
    expect(out).toContain(`holdfast ${name}`)
    for (const line of out.split('\n'))
      if (!line.startsWith('  $ ')) expect(stringWidth(line), line).toBeLessThanOrEqual(100)
  })
})

test('no golden file is of a command that is no more', () => {
  const wanted = new Set(leaves.flatMap(leaf => [80, 140].map(width => fileOf(nameOf(leaf), width))))
  expect(readdirSync(folder).filter(file => file.endsWith('.txt') && !wanted.has(file))).toEqual([])
  expect(Object.keys(scenes).filter(name => !leaves.some(leaf => nameOf(leaf) === name))).toEqual([])
})

/** A single word, with its label or without, is not broken: a name, an id or a URL could not be copied. */
function isOneWord(line: string): boolean {
  return /^(\w[\w ]*? {2,}| *)\S+$/.test(line)
}
