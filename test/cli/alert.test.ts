import stringWidth from 'string-width'
import { expect, test } from 'vitest'
import { AppError } from '../../shared/errors/index.ts'
import {
  Alert,
  GetAlertResponse,
  type SilenceAlertsRequest,
} from '../../shared/wire/gen/holdfast/v1/operator.ts'
import type { Answers } from '../harness/fake-operator-service.ts'
import { holdfast as cli, now } from './holdfast.ts'

const holdfast = (argv: readonly string[], answers: Answers) => cli(['alert', ...argv], { answers })

const site = Alert.fromPartial({
  alertId: 'alr_01890a5d-ac96-774b-bcce-b302099a8057',
  dedupKey: 'site-silent/ams',
  kind: 'site-silent',
  severity: 'critical',
  summary: `20 of 20 agents of ams are silent ${'x'.repeat(200)}`,
  state: 'open',
  openedAt: now - 3_600_000,
  ackedBy: 'operator:me',
  ackedAt: now - 1_000,
  members: 141,
  delivery: 'delivered',
})

test('a list tells acknowledged ones apart and fits', async () => {
  const { status, out } = await holdfast(['list'], {
    listAlerts: () => ({ alerts: [site], nextPageToken: '' }),
  })
  expect(status).toBe(0)
  expect(out).toMatch(/site-silent +critical +acked +60m ago +delivered/)
  for (const line of out.split('\n')) expect(stringWidth(line)).toBeLessThanOrEqual(100)
})

test('get shows who was told what and what it explains; nothing there exits 11', async () => {
  const answer = GetAlertResponse.fromPartial({
    alert: site,
    messages: [
      {
        channel: 'pager',
        event: 'opened',
        state: 'pending',
        attempts: 3,
        createdAt: now - 60_000,
        nextAttemptAt: now + 30_000,
        lastError: 'pager.example answered 500',
      },
    ],
    members: [
      Alert.fromPartial({
        kind: 'agent-silent',
        severity: 'warning',
        summary: 'the agent on ams-db01 is silent',
      }),
    ],
  })
  const { status, out } = await holdfast(['get', 'site-silent/ams'], { getAlert: () => answer })
  expect(status).toBe(0)
  expect(out).toMatch(/explains +141 alerts/)
  expect(out).toMatch(/pager +opened +pending +3 +60s ago +in 30s +pager.example answered 500/)
  expect(out).toContain('the agent on ams-db01 is silent')
  const json = await holdfast(['get', 'site-silent/ams', '-o', 'json'], { getAlert: () => answer })
  expect(JSON.parse(json.out)).toMatchObject({ alert: { dedup_key: 'site-silent/ams', members: 141 } })
  const missing = await holdfast(['get', 'x'], {
    getAlert: () => {
      throw new AppError('not-found')
    },
  })
  expect(missing.status).toBe(11)
})

test('a silence asks for what, how long and why; nothing is sent when one is missing', async () => {
  const answers = {
    silenceAlerts: () => ({
      silence: { silenceId: 'sil_1', selector: [], reason: '', createdBy: '', createdAt: 0, endsAt: now },
      matches: 2,
    }),
  }
  for (const wrong of [
    ['--for', '2h'],
    ['--for', 'long', '--service', 'a'],
    ['--service', 'a'],
  ]) {
    const refused = await holdfast(['silence', ...wrong], answers)
    expect(refused.status).toBe(2)
    expect(refused.seen).toEqual([])
  }
  const { status, out, seen } = await holdfast(
    ['silence', '--service', 'orders-db, shop-db', '--kind', 'long-*', '--for', '2h', '--reason', 'index'],
    answers,
  )
  expect(status).toBe(0)
  expect(out).toContain('matches 2 open alerts now')
  const request = seen[0]?.request as SilenceAlertsRequest
  expect(request).toMatchObject({ durationMs: 7_200_000, reason: 'index' })
  expect(request.selector.map(each => `${each.name}=${each.value}`).sort()).toEqual([
    'kind=long-*',
    'service=orders-db',
    'service=shop-db',
  ])
})

test('a test of a channel shows the answer, and exits 1 when it was not taken', async () => {
  const answer = (delivered: boolean) => ({
    testAlertChannel: () => ({ delivered, answer: 'hooks.example answered 404', tookMs: 12 }),
  })
  expect(await holdfast(['test', '--channel', 'ops'], answer(true))).toMatchObject({
    status: 0,
    out: 'ops: delivered in 12 ms: hooks.example answered 404\n',
  })
  expect(await holdfast(['test', '--channel', 'ops'], answer(false))).toMatchObject({ status: 1 })
})
