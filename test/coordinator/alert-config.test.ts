import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { channelSpecsOf } from '../../coordinator/alert-config.ts'
import { openChannels } from '../../coordinator/alerts/index.ts'
import { loadCoordinatorConfig, settingsOf } from '../../coordinator/config.ts'
import { systemClock } from '../../shared/clock/index.ts'
import { AppError } from '../../shared/errors/index.ts'
import { temporaryFolder } from '../harness/temporary-folder.ts'

async function load(yaml: string) {
  await using folder = await temporaryFolder('alert-config')
  const file = join(folder.path, 'coordinator.yaml')
  await writeFile(file, yaml)
  return loadCoordinatorConfig(file, {}, {}).value
}

const whole = `
alerts:
  webhooks: { former: { url: "http://127.0.0.1:9/hook" } }
  channels:
    chat: { kind: slack, url: "http://127.0.0.1:9/x" }
    mail: { kind: email, host: smtp.example, from: a@example.org, to: [b@example.org], tls: none }
    am: { kind: alertmanager, url: "http://127.0.0.1:9093" }
  routes:
    - { channels: [chat, former], min_severity: warning }
    - { channels: [mail], match: { services: [orders], databases: ["o*"] } }
  quiet_hours: { zone: Europe/Berlin, from: "22:30", to: "07:00", days: [sun] }
  remind_every: 0s
`

test('the section means rules and channels; webhooks of before are channels like the others', async () => {
  const config = await load(whole)
  expect(settingsOf(config).alerts).toMatchObject({
    channels: ['former', 'chat', 'mail', 'am'],
    routes: [
      { match: {}, minSeverity: 'warning', channels: ['chat', 'former'] },
      { match: { service: ['orders'], database: ['o*'] }, minSeverity: 'info', channels: ['mail'] },
    ],
    quietHours: { zone: 'Europe/Berlin', from: 1_350, to: 420, days: ['sun'], through: 'critical' },
    remindEvery: 0,
    groupWait: 30_000,
  })
  expect([...(await openChannels(channelSpecsOf(config.alerts), systemClock)).keys()]).toEqual([
    'former',
    'chat',
    'mail',
    'am',
  ])
})

test('everything that is wrong is told at once', async () => {
  const thrown = await load(`
alerts:
  webhooks: { ops: { url: "http://127.0.0.1:9/" } }
  channels:
    ops: { kind: slack, url: "http://127.0.0.1:9/" }
    chat: { kind: slack }
    mail: { kind: email, host: h, from: a@b, to: [c@d], user: me, tls: none }
    pager: { kind: pagerduty }
  routes: [{ match: { services: [a] }, channels: [nobody] }]
  quiet_hours: { zone: Mars/Base, from: "25:00" }
`).catch((error: unknown) => error)
  expect(thrown).toBeInstanceOf(AppError)
  const problems = JSON.stringify((thrown as AppError).context['problems'])
  for (const each of [
    'alerts.channels.ops',
    'alerts.channels.chat.url',
    'alerts.channels.mail.user',
    'alerts.channels.mail.tls',
    'alerts.channels.pager.key_file',
    'alerts.routes.0.channels.0',
    'must hold one without `match`',
    'alerts.quiet_hours.zone',
    'alerts.quiet_hours.from',
  ])
    expect(problems).toContain(each)
})
