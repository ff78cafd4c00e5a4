import stringWidth from 'string-width'
import { expect, test } from 'vitest'
import { ExplainJobResponse } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { holdfast, now } from './holdfast.ts'

const jobId = 'job_01890a5d-ac96-774b-bcce-b302099a8057'

test('job explain says where, when and why not, with codes and numbers, in 100 columns', async () => {
  const explainJob = () =>
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
    })
  const { status, out } = await holdfast(['job', 'explain', jobId], { answers: { explainJob } })
  expect(status).toBe(0)
  expect(out.replace(/\s+/g, ' ')).toContain(
    '[outside-window] its window opens later opens_at=2027-01-15T08:00:00Z',
  )
  expect(out).toContain('host7: [placed] due soon slack_ms=9')
  for (const line of out.split('\n')) expect(stringWidth(line)).toBeLessThanOrEqual(100)
})
