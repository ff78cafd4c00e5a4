import { describe, expect, test } from 'vitest'
import { fixtureTree, runTool } from './project.ts'

const pureRooms = [
  'coordinator/jobs',
  'coordinator/policy',
  'coordinator/planner',
  'coordinator/protection',
  'coordinator/retention',
  'coordinator/trends',
  'coordinator/verification',
  'coordinator/alerts/rules',
  'shared/model',
  'shared/errors',
  'shared/time',
]

describe('pure rooms', () => {
  const effects: Readonly<Record<string, string>> = {
    timers: 'setTimeout(() => {}, 1)',
    process: 'export const x = process.env',
    console: "console.log('x')",
    performance: 'export const x = performance.now()',
    crypto: 'export const x = crypto.randomUUID()',
    fetch: "export const x = fetch('http://127.0.0.1')",
    node: "export { readFileSync as x } from 'node:fs'",
  }

  test('ambient effects are compile errors in each of them', async () => {
    const sources = Object.fromEntries(
      pureRooms.flatMap(room =>
        Object.entries(effects).map(([name, text]) => [
          `${room}/${name}.ts`,
          `${text}\nexport const y = 1\n`,
        ]),
      ),
    )
    await using tree = await fixtureTree(['package.json', 'tsconfig.json', 'tsconfig.pure.json'], {
      ...sources,
      'coordinator/jobs/lawful.ts': 'export const day = new Date(0).toISOString()\n',
    })
    const { status, output } = await runTool(
      'node',
      ['node_modules/tsc7/bin/tsc', '-p', 'tsconfig.pure.json', '--pretty', 'false'],
      tree.path,
    )
    expect(status).not.toBe(0)
    // TS2304, TS2307, TS2584, TS2591: there is no such name, or no such module
    const guilty = new Set(
      [...output.matchAll(/^([\w/]+\.ts)\(.*error TS(2304|2307|2584|2591):/gm)].map(([, file]) => file),
    )
    expect([...guilty].sort()).toEqual(Object.keys(sources).sort())
    expect(output).not.toContain('lawful.ts')
  })

  test('reading the clock or dice is a lint error in each of them, and in no other room', async () => {
    const crimes = ['Date.now()', 'new Date()', 'Math.random()']
    const text = crimes.map((crime, index) => `export const x${index} = () => ${crime}\n`).join('')
    await using tree = await fixtureTree(['biome.json', 'lint/pure-rooms.grit'], {
      ...Object.fromEntries(pureRooms.map(room => [`${room}/guilty.ts`, text])),
      'coordinator/rpc/free.ts': text,
      'shared/clock/free.ts': text,
      'coordinator/jobs/lawful.ts': 'export const at = (ms: number) => new Date(ms)\n',
    })
    const { status, output } = await runTool(
      'biome',
      ['lint', '--max-diagnostics=none', '--colors=off', '.'],
      tree.path,
    )
    expect(status).not.toBe(0)
    expect(output.match(/pure rooms take now and seed as arguments/g)).toHaveLength(
      crimes.length * pureRooms.length,
    )
    for (const room of pureRooms) expect(output).toContain(`${room}/guilty.ts`)
    expect(output).not.toContain('free.ts')
    expect(output).not.toContain('lawful.ts')
  })
})
