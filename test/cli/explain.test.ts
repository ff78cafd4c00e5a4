import stringWidth from 'string-width'
import { afterEach, expect, test } from 'vitest'
import { run } from '../../cli/program.ts'
import { ExplainJobResponse } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { type FakeOperatorService, startFakeOperatorService } from '../harness/fake-operator-service.ts'

const now = 1_800_000_000_000
const jobId = 'job_01890a5d-ac96-774b-bcce-b302099a8057'
const services: FakeOperatorService[] = []

afterEach(async () => {
  for (const service of services.splice(0)) await service.stop()
})

test('job explain says where, when and why not, with codes and numbers, in 100 columns', async () => {
  const service = await startFakeOperatorService({
    explainJob: () =>
      ExplainJobResponse.fromPartial({
        decisions: [
          {
            at: now,
            kind: 'waits',
            subject: jobId,
            code: 'outside-window',
            text: 'its window opens later',
            numbers: [{ name: 'opens_at', value: String(now) }],
          },
          {
            at: now,
            kind: 'placed',
            subject: 'host7',
            code: 'placed',
            text: 'due soon',
            numbers: [{ name: 'slack_ms', value: '9' }],
          },
        ],
      }),
  })
  services.push(service)
  let out = ''
  const status = await run(['job', 'explain', jobId], {
    out: text => (out += text),
    err: () => undefined,
    width: 100,
    interactive: false,
    environment: { HOLDFAST_COORDINATOR: service.address },
    now: () => now,
    signal: new AbortController().signal,
  })
  expect(status).toBe(0)
  expect(out.replace(/\s+/g, ' ')).toContain(
    '[outside-window] its window opens later opens_at=2027-01-15T08:00:00Z',
  )
  expect(out).toContain('host7: [placed] due soon slack_ms=9')
  for (const line of out.split('\n')) expect(stringWidth(line)).toBeLessThanOrEqual(100)
})
