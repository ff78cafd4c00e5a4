import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startDeadMan } from '../../../coordinator/alerts/index.ts'
import { systemClock } from '../../../shared/clock/index.ts'
import { Scope } from '../../../shared/lifecycle/index.ts'
import { type Log, silentLog } from '../../../shared/log/index.ts'
import { waitUntil } from '../../harness/wait-until.ts'
import { type WebhookSink, webhookSink } from '../../harness/webhook-sink.ts'

let scope: Scope
let sink: WebhookSink
beforeEach(async () => {
  scope = new Scope()
  sink = await webhookSink()
  scope.defer(() => sink.stop())
})
afterEach(() => scope.close())

function watched(healthy: () => boolean, log: Log = silentLog) {
  return scope.own(
    startDeadMan({ url: async () => `${sink.url}ping/s3cr3t`, every: 10, healthy, clock: systemClock, log }),
  )
}

describe('the dead-man ping', () => {
  it('stays away while this coordinator does not lead or is not well', async () => {
    let asked = 0
    watched(() => {
      asked += 1
      return false
    })
    await waitUntil(() => asked > 5, { what: 'several looks' })
    expect(sink.requests).toEqual([])
  })

  it('comes again and again while it is, and stays away as soon as it is not', async () => {
    let well = true
    let asked = 0
    watched(() => {
      asked += 1
      return well
    })
    await sink.received(3)
    expect(sink.requests[0]).toMatchObject({ method: 'GET', path: '/ping/s3cr3t' })
    well = false
    const then = asked
    await waitUntil(() => asked > then + 3, { what: 'looks after the end' })
    const count = sink.requests.length
    const later = asked
    await waitUntil(() => asked > later + 3, { what: 'more looks' })
    expect(sink.requests).toHaveLength(count)
  })

  it('goes on after refusals and drops, says so once at the beginning and once at the end, without the URL', async () => {
    const lines: string[] = []
    const log: Log = {
      ...silentLog,
      warn: (text, fields) => lines.push(`warn ${text} ${JSON.stringify(fields)}`),
      info: text => lines.push(`info ${text}`),
    }
    sink.refuse(500, 2)
    sink.drop(2)
    watched(() => true, log)
    await sink.received(6)
    await waitUntil(() => lines.length === 2, { what: 'two lines' })
    expect(lines[0]).toContain('answered 500')
    expect(lines[1]).toContain('through again')
    expect(lines.join()).not.toContain('s3cr3t')
  })

  it('ends at once, also in the middle of a ping', async () => {
    sink.delay(20_000)
    let asked = 0
    const deadMan = watched(() => {
      asked += 1
      return true
    })
    await waitUntil(() => asked === 1, { what: 'the first ping' })
    await deadMan.close()
    expect(asked).toBe(1)
  })
})
