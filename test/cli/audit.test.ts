import { expect, test } from 'vitest'
import { AuditEvent, type ListAuditRequest } from '../../shared/wire/gen/holdfast/v1/operator.ts'
import { holdfast } from './holdfast.ts'

const now = Date.parse('2026-11-27T12:00:00Z')

const events = [1, 2, 3].map(seq =>
  AuditEvent.fromPartial({
    seq,
    at: now + seq,
    actor: 'operator:ana',
    action: 'job.cancel',
    subject: `job_${seq}`,
    reason: seq === 2 ? '=1+1, "they" said\nso' : 'why',
    detail: '{"epoch":2}',
    prevHash: 'a',
    hash: 'b',
    eventClass: 'history',
  }),
)

async function audit(...argv: string[]) {
  const answers = {
    // two pages
    listAudit: ({ pageToken }: ListAuditRequest) =>
      pageToken === ''
        ? { events: events.slice(0, 2), nextPageToken: 'next' }
        : { events: events.slice(2), nextPageToken: '' },
  }
  const { seen, ...ran } = await holdfast(['audit', ...argv], { answers, at: now })
  return { ...ran, asked: seen.map(each => each.request as ListAuditRequest) }
}

test('an export has every page, oldest first, an object a line', async () => {
  const { status, out, asked } = await audit('export', '--since', '24h', '--actor', 'operator:ana')
  expect(status).toBe(0)
  const lines = out
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as Record<string, unknown>)
  expect(lines.map(each => each['seq'])).toEqual([1, 2, 3])
  expect(lines[1]).toMatchObject({ prev_hash: 'a', event_class: 'history', detail: { epoch: 2 } })
  expect(asked[0]).toMatchObject({
    oldestFirst: true,
    filter: `actor=operator:ana,since=${now - 86_400_000}`,
  })
})

test('as CSV a cell keeps its commas, quotes and line ends, and is no formula', async () => {
  const { out } = await audit('export', '--format', 'csv')
  const [head, first, ...rest] = out.split('\n')
  expect(head).toBe('seq,at,event_class,actor,action,subject,reason,detail,prev_hash,hash')
  expect(first).toBe(`1,${now + 1},history,operator:ana,job.cancel,job_1,why,"{""epoch"":2}",a,b`)
  expect(rest.join('\n')).toContain(`job_2,"'=1+1, ""they"" said\nso",`)
})

test.each([
  [['export', '--format', 'xml'], '`xml` is no format'],
  [['list', '--since', 'yesterday'], '--since: `yesterday` is no time'],
  [['list', '--since', '1h', '--until', '2h'], '--since must be before --until'],
])('%j is refused before anything is asked', async (argv, text) => {
  const { status, err, asked } = await audit(...argv)
  expect(status).not.toBe(0)
  expect(err).toContain(text)
  expect(asked).toEqual([])
})
