import { expect, test } from 'vitest'
import { settingsOf } from '../../coordinator/config.ts'
import { type LiveSettings, withLive } from '../../coordinator/live-settings.ts'
import { PoliciesInForce } from '../../coordinator/operations/policies-in-force.ts'
import { SettingsInForce } from '../../coordinator/operations/settings-in-force.ts'
import { readPolicies } from '../../coordinator/policy-text.ts'
import { testConfig } from './running.ts'

const config = testConfig({
  slots_per_agent: 3,
  alerts: {
    channels: {
      chat: { kind: 'slack', url: 'https://chat.example/x' },
      pager: { kind: 'slack', url: 'https://pager.example/x' },
    },
    routes: [{ channels: ['chat'] }],
    group_wait: '30s',
    fold_above: 7,
  },
})
const settings = settingsOf(config)
const read = (text: string) =>
  readPolicies(`fleet: { destination: main }\n${text}`, 'x', ['main'], settings.channels)
const live = (text: string) => read(text).live as LiveSettings

test('without any, the document says nothing of the configuration', () => {
  expect(read('').live).toBeUndefined()
})

test('each key is in place of the configuration’s; the others stay', () => {
  const next = withLive(settings, config.alerts, live('alerts: { group_wait: 5s }'))
  expect(next.slotsPerAgent).toBe(3)
  expect(next.alerts).toEqual({ ...settings.alerts, groupWait: 5_000 })
  expect(withLive(settings, config.alerts, live('slots_per_agent: 1'))).toEqual({
    ...settings,
    slotsPerAgent: 1,
  })
})

test('routes go to channels that there are', () => {
  const next = withLive(
    settings,
    config.alerts,
    live('alerts: { routes: [{ channels: [pager], min_severity: critical }] }'),
  )
  expect(next.alerts.routes).toMatchObject([{ channels: ['pager'], minSeverity: 'critical' }])
  expect(() => read('alerts: { routes: [{ channels: [mail] }] }')).toThrow(
    /alerts\.routes\.0\.channels\.0.*chat, pager/,
  )
  expect(() => read('alerts: { channels: {} }')).toThrow(/alerts\.channels/)
  expect(() => read('slots_per_agent: 0')).toThrow(/slots_per_agent/)
})

test('routes to a channel that is no more give way to those of the configuration: an alert tells nobody otherwise', () => {
  const gone = live('alerts: { routes: [{ channels: [pager] }] }\nslots_per_agent: 2')
  const now = { ...config, alerts: { ...config.alerts, channels: {}, webhooks: {}, routes: [] } }
  const base = settingsOf(now)
  expect(withLive(base, now.alerts, gone)).toEqual({ ...base, slotsPerAgent: 2 })
})

test('a term goes by what is in force, from when it is adopted until it is taken back', () => {
  const { configured } = settings
  const before = { ...configured, home: 'configuration' as const, revision: 1 }
  const policies = new PoliciesInForce(before)
  const inForce = new SettingsInForce(settings, policies, each => withLive(settings, config.alerts, each))
  expect(inForce.now).toBe(settings)
  policies.adopt({ ...before, revision: 2, live: { slots_per_agent: 1 } })
  expect(inForce.now.slotsPerAgent).toBe(1)
  expect(inForce.now).toBe(inForce.now)
  policies.adopt({ ...before, revision: 3 })
  expect(inForce.now).toBe(settings)
})
