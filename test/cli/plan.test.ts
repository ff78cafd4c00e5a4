import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import stringWidth from 'string-width'
import { describe, expect, test } from 'vitest'
import { type GetPlanRequest, GetPlanResponse } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { temporaryFolder } from '../harness/index.ts'
import { holdfast, now } from './holdfast.ts'

const hour = 3_600_000

async function plan(argv: readonly string[], answer: GetPlanResponse) {
  const { seen, ...ran } = await holdfast(['plan', ...argv], { answers: { getPlan: () => answer } })
  return { ...ran, asked: seen[0]?.request as GetPlanRequest | undefined }
}

const long = `${'ü'.repeat(40)}/${'w'.repeat(63)}`
const full = GetPlanResponse.fromPartial({
  madeAt: now,
  from: now,
  until: now + 24 * hour,
  runsTotal: 3,
  missesTotal: 1,
  runs: [
    {
      subjectName: 'shop/orders',
      agentHost: 'host1',
      destination: 'main',
      startsAt: now - hour,
      endsAt: now + hour,
      running: true,
    },
    {
      subjectName: long,
      agentHost: 'h'.repeat(63),
      destination: 'main',
      startsAt: now + hour,
      endsAt: now + 9 * hour,
      deadline: now + 5 * hour,
    },
  ],
  misses: [
    {
      subjectName: long,
      deadline: now + 5 * hour,
      endsAt: now + 9 * hour,
      code: 'late',
      text: 'it ends after its promise breaks',
    },
  ],
})

describe('holdfast plan', () => {
  test('shows what runs when and where, bars over time, and what will not make it: exit 1', async () => {
    const { status, out } = await plan([], full)
    expect(status).toBe(1)
    expect(out).toContain('runs now')
    expect(out).toContain('LATE')
    expect(out).toMatch(/█+!+/)
    expect(out).toContain('1 will not make it')
    expect(out).toContain('1 more runs; --limit shows them')
    for (const line of out.split('\n')) expect(stringWidth(line)).toBeLessThanOrEqual(100)
  })

  test('a plan without a miss says so: exit 0; an empty one, too', async () => {
    const kept = await plan([], GetPlanResponse.fromPartial({ ...full, misses: [], missesTotal: 0 }))
    expect(kept.status).toBe(0)
    expect(kept.out).toContain('every promise will be kept')
    expect((await plan([], GetPlanResponse.fromPartial({ until: hour }))).out).toContain('nothing will run')
  })

  test('-o json is one document with numbers as numbers', async () => {
    const { out } = await plan(['-o', 'json'], full)
    expect(JSON.parse(out)).toMatchObject({
      misses_total: 1,
      runs: [{ running: true }, { subject_name: long }],
    })
  })

  test('--at takes a time or a span from now, --what-if a file as it is', async () => {
    await using folder = await temporaryFolder('plan')
    const file = join(folder.path, 'what-if.yaml')
    await writeFile(file, 'slots_per_agent: 1\n')
    const spans = await plan(['--at', '6h', '--for', '2h', '--what-if', file], full)
    expect(spans.asked).toMatchObject({
      at: now + 6 * hour,
      horizonMs: 2 * hour,
      whatIf: 'slots_per_agent: 1\n',
    })
    expect((await plan(['--at', '2027-01-15T09:00:00Z'], full)).asked?.at).toBe(Date.UTC(2027, 0, 15, 9))
  })

  test('a wrong time, duration, count or file is a usage error: exit 2', async () => {
    for (const argv of [
      ['--at', 'soon'],
      ['--for', 'long'],
      ['--limit', '0'],
      ['--what-if', '/nowhere/at/all'],
    ])
      expect((await plan(argv, full)).status).toBe(2)
  })
})
