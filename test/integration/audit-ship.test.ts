import { describe, expect, test } from 'vitest'
import { connect } from '../../cli/connect.ts'
import { running } from '../coordinator/running.ts'
import { requireServers, waitUntil } from '../harness/index.ts'
import { startRsyslog } from '../harness/rsyslog.ts'

const servers = await requireServers('the audit over syslog', 'rsyslog')

describe.skipIf(servers.missing)('the audit, shipped to a real rsyslog', () => {
  test.each(['tcp', 'udp', 'unix'] as const)('over %s', async way => {
    await using rsyslog = await startRsyslog()
    const url = way === 'unix' ? `unix://${rsyslog.socket}` : `${way}://127.0.0.1:${rsyslog.port}`
    await using fleet = await running({
      audit: { ship: { syslog: { url, facility: 'local3' }, every: '20ms' } },
    })
    const operator = connect(`127.0.0.1:${fleet.port}`)
    await operator.ask('pause', {
      ...{ scope: 'fleet', subject: '', reason: 'CHG-7 "quoted" ü', durationMs: 0 },
      requestId: crypto.randomUUID(),
    })
    operator.close()
    const [got] = await waitUntil(
      async () => {
        const all = await rsyslog.received()
        return all.length > 0 ? all : undefined
      },
      { what: 'the event' },
    )
    const row = (await fleet.store.read.auditFrom(0, 1))[0]
    const shipped = JSON.parse((got?.msg ?? '').trim()) as Record<string, unknown>
    expect(shipped).toMatchObject({
      seq: 1,
      action: row?.action,
      reason: 'CHG-7 "quoted" ü',
      hash: row?.hash,
    })
    // local3.notice
    expect(got?.pri).toBe('157')
    // a local socket has the older, shorter header
    if (way !== 'unix') {
      expect(got?.msgid).toBe(row?.action)
      expect(got?.structured).toContain(`seq="1"`)
      expect(got?.structured).toContain(`hash="${row?.hash}"`)
    }
  })
})
