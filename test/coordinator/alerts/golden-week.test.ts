import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { AlertBook, type AlertRules, alertRules } from '../../../coordinator/alerts/index.ts'
import { withSample } from '../../../coordinator/alerts/rules/baseline.ts'
import { judgeSites } from '../../../coordinator/alerts/rules/dead-site.ts'
import { isSlow } from '../../../coordinator/alerts/rules/destination-health.ts'
import { keyOf } from '../../../coordinator/alerts/rules/keys.ts'
import { longRun } from '../../../coordinator/alerts/rules/long-running.ts'
import { outgrowing } from '../../../coordinator/alerts/rules/outgrowing.ts'
import { sizeAnomaly } from '../../../coordinator/alerts/rules/size-anomaly.ts'
import { openStore } from '../../../coordinator/store/index.ts'
import type { Sample } from '../../../coordinator/trends/history.ts'
import { outgrowsAt, remember, trendOf } from '../../../coordinator/trends/index.ts'
import { systemClock } from '../../../shared/clock/index.ts'
import { silentLog } from '../../../shared/log/index.ts'
import { day, hour, minute, Playback, type Received } from './week.ts'

/**
 * An ordinary week of 360 databases on 60 hosts in three datacenters, each database backed up once a day. Monday
 * 2 November 2026 begins it, in UTC. Change the golden file on purpose only: HOLDFAST_TEST_GOLDEN=write.
 */
const monday = Date.UTC(2026, 10, 2)
const hostsPerSite = 20
const databasesPerHost = 6
const sites = ['ams', 'fra', 'lon'] as const
const rpo = 26 * hour

interface Host {
  readonly id: string
  readonly name: string
  readonly site: string
  deadFrom?: number
  deadUntil?: number
}

interface Database {
  readonly id: string
  readonly name: string
  readonly service: string
  readonly host: Host
  /** Minute of the day at which its backup begins. */
  readonly at: number
  readonly usual: { readonly raw: number; readonly duration: number }
  raw: number
  lastGood: number
  breached: boolean
  sizes: { rawBytes: readonly number[]; storedBytes: readonly number[] }
  durations: readonly number[]
  /** End of the backup that runs now. */
  running?: { readonly since: number; readonly until: number }
}

const rules: AlertRules = alertRules({
  channels: ['chat', 'pager', 'mail'],
  routes: [
    { match: {}, minSeverity: 'warning', channels: ['chat'] },
    { match: {}, minSeverity: 'critical', channels: ['pager'] },
    { match: { service: ['billing'] }, minSeverity: 'info', channels: ['mail'] },
  ],
  quietHours: { zone: 'UTC', from: 22 * 60, to: 7 * 60, days: ['sun'], through: 'critical' },
})

test('an ordinary week: each problem is told once, nothing is missed, no storm', {
  timeout: 60_000,
}, async () => {
  const store = await openStore({ url: 'sqlite::memory:', clock: systemClock, log: silentLog })
  await store.leadership.tryAcquire('test', 600_000)
  const play = new Playback(store, new AlertBook(), rules, monday)
  const hosts = sites.flatMap(site =>
    Array.from({ length: hostsPerSite }, (_, i): Host => {
      const name = `${site}-db${String(i + 1).padStart(2, '0')}`
      return { id: `agt_${name}`, name, site }
    }),
  )
  const databases = hosts.flatMap((host, h) =>
    Array.from({ length: databasesPerHost }, (_, d): Database => {
      const n = h * databasesPerHost + d
      const usual = { raw: (1 + (n % 40)) * 2 ** 30, duration: (5 + (n % 20)) * minute }
      return {
        id: `dbs_${String(n).padStart(3, '0')}`,
        name: `app${String(n).padStart(3, '0')}`,
        service: n % 30 === 0 ? 'billing' : `svc${n % 12}`,
        host,
        // over the night, from 01:00 to 05:00
        at: 60 + ((n * 7) % 240),
        usual,
        raw: usual.raw,
        lastGood: monday - day + 60 * minute + ((n * 7) % 240) * minute,
        breached: false,
        sizes: { rawBytes: Array(7).fill(usual.raw), storedBytes: Array(7).fill(usual.raw / 4) },
        durations: Array(7).fill(usual.duration),
      }
    }),
  )
  const byName = (name: string) => {
    const host = hosts.find(each => each.name === name)
    if (host === undefined) throw new Error(name)
    return host
  }

  // the plot
  // Monday 11:00: a host dies for good and comes back on Thursday noon, new hardware
  Object.assign(byName('ams-db07'), { deadFrom: monday + 11 * hour, deadUntil: monday + 3 * day + 12 * hour })
  // Tuesday 14:20: a datacenter loses its network for 30 hours
  for (const host of hosts.filter(each => each.site === 'lon'))
    Object.assign(host, {
      deadFrom: monday + day + 14 * hour + 20 * minute,
      deadUntil: monday + 2 * day + 20 * hour + 20 * minute,
    })
  // Thursday, the night's backups: the bucket takes ten times as long
  const slow = (at: number) => at >= monday + 3 * day && at < monday + 3 * day + 9 * hour
  // Friday: one database has lost nine tenths of its data
  const shrunk = databases[42]
  if (shrunk === undefined) throw new Error('too few databases')
  // Friday, too: an hourly job that fails every other time, 12 hours long
  const flaps = (at: number) => at >= monday + 4 * day + 8 * hour && at < monday + 4 * day + 20 * hour
  // Friday before dawn: two hosts fall silent in quiet hours; one is back before they end
  Object.assign(byName('fra-db02'), {
    deadFrom: monday + 4 * day + 5.75 * hour,
    deadUntil: monday + 4 * day + 6.5 * hour,
  })
  Object.assign(byName('fra-db03'), {
    deadFrom: monday + 4 * day + 5.75 * hour,
    deadUntil: monday + 4 * day + 12 * hour,
  })
  // Saturday 12:00: the chat is down for two hours; a host is silent for one of them
  const chatDown = (at: number) => at >= monday + 5 * day + 12 * hour && at < monday + 5 * day + 14 * hour
  Object.assign(byName('fra-db04'), {
    deadFrom: monday + 5 * day + 12.5 * hour,
    deadUntil: monday + 5 * day + 13.5 * hour,
  })
  // one database's backups take six minutes longer each day, as they did for two weeks; its window is four hours, and
  // on Friday noon somebody makes it eight
  const growing = databases[200]
  if (growing === undefined) throw new Error('too few databases')
  const grows = (at: number) => hour + ((at - monday) / day) * 6 * minute
  const allowed = (at: number) => (at < monday + 4 * day + 12 * hour ? 4 : 8) * hour
  let history: readonly Sample[] = Array.from({ length: 14 }, (_, i) => {
    const at = monday - (14 - i) * day + growing.at * minute
    return { at, rawBytes: growing.raw, storedBytes: growing.raw / 4, durationMs: grows(at) }
  })
  growing.durations = history.slice(-7).map(each => each.durationMs)
  // Saturday 15:00: somebody looks after the shrunken database. Sunday: nothing

  const about = ({ host, name, service }: Database) => ({
    labels: {
      datacenter: [host.site],
      service: [service],
      engine: ['postgres'],
      database: [name],
      host: [host.name],
    },
    agentIds: [host.id],
    site: host.site,
    destination: 'main',
  })
  const servicesOf = (some: readonly Host[]) => [
    ...new Set(databases.filter(each => some.includes(each.host)).map(each => each.service)),
  ]
  const dead = ({ deadFrom = Infinity, deadUntil = Infinity }: Host, now: number) =>
    now >= deadFrom && now < deadUntil
  const silent = new Set<Host>()
  const step = 10 * minute

  for (let now = monday; now < monday + 7 * day; now += step) {
    const ofDay = ((now - monday) % day) / minute
    for (const host of hosts) {
      const is = dead(host, now)
      if (is === silent.has(host)) continue
      if (is) silent.add(host)
      else silent.delete(host)
      play.tell({
        kind: 'agent',
        agentId: host.id,
        hostname: host.name,
        silent: is,
        lastSeenAt: now,
        about: {
          labels: { datacenter: [host.site], host: [host.name], service: servicesOf([host]) },
          site: host.site,
        },
      })
    }
    for (const judged of judgeSites(
      hosts.map(host => ({
        agentId: host.id,
        site: host.site,
        ...(silent.has(host) ? { silentSince: host.deadFrom ?? now } : {}),
      })),
      new Set(sites.filter(site => play.book.get(keyOf.siteSilent(site)) !== undefined)),
      rules.site,
    ))
      play.tell({
        kind: 'site',
        ...judged,
        about: {
          labels: {
            datacenter: [judged.site],
            service: servicesOf(hosts.filter(each => each.site === judged.site)),
          },
        },
      })

    let running = 0
    let long = 0
    for (const db of databases) {
      const reachable = !dead(db.host, now)
      const due = now - db.lastGood >= 20 * hour && ofDay >= db.at && ofDay < db.at + 12 * 60
      const catchUp = now - db.lastGood >= 25 * hour
      if (db.running === undefined && reachable && (due || catchUp))
        db.running = {
          since: now,
          until:
            now + (db === growing ? grows(now) : db.usual.duration) * (slow(now) && db !== growing ? 10 : 1),
        }
      if (db.running !== undefined && !reachable) delete db.running
      const key = keyOf.longRunning('backup', db.id)
      const run =
        db.running === undefined
          ? undefined
          : longRun(now - db.running.since, db.durations, rules.longRunning)
      if (db.running !== undefined) running++
      if (run !== undefined) long++
      const told = play.book.get(key) !== undefined
      if (run !== undefined && db.running !== undefined && !told)
        play.tell({
          kind: 'running',
          jobId: `job_${db.id}`,
          jobKind: 'backup',
          subject: db.id,
          subjectName: `${db.service}/${db.name}`,
          long: { startedAt: db.running.since, ...run },
          about: about(db),
        })
      if (run === undefined && told)
        play.tell({
          kind: 'running',
          jobId: `job_${db.id}`,
          jobKind: 'backup',
          subject: db.id,
          subjectName: `${db.service}/${db.name}`,
        })
      if (db.running !== undefined && now >= db.running.until) {
        const { since } = db.running
        delete db.running
        db.lastGood = since
        if (db === shrunk && now >= monday + 4 * day) db.raw = db.usual.raw * 0.08
        // sizes wander a little from day to day
        const raw = db.raw * (1 + (((now / day) | 0) % 5) / 100)
        const backup = { rawBytes: raw, storedBytes: raw / 4 }
        const anomaly = sizeAnomaly(backup, db.sizes, rules.size)
        if (anomaly !== undefined || play.book.get(keyOf.sizeAnomaly(db.id)) !== undefined)
          play.tell({
            kind: 'size',
            databaseId: db.id,
            name: `${db.service}/${db.name}`,
            backupId: 'bak_1',
            ...(anomaly === undefined ? {} : { anomaly }),
            about: about(db),
          })
        db.sizes = {
          rawBytes: withSample(db.sizes.rawBytes, raw),
          storedBytes: withSample(db.sizes.storedBytes, raw / 4),
        }
        db.durations = withSample(db.durations, now - since)
        if (db === growing) {
          const sample = { at: since, ...backup, durationMs: grows(since) }
          history = remember(history, sample)
          const trend = trendOf(history)
          const at = trend && outgrowsAt(trend, allowed(now))
          const state = { allowedMs: allowed(now), ...(trend && { trend }), ...(at && { outgrowsAt: at }) }
          const toldSo = play.book.get(keyOf.outgrows(db.id)) !== undefined
          const soon = outgrowing(state, toldSo, now, rules.outgrow)
          if (soon !== undefined || toldSo)
            play.tell({
              kind: 'outgrowing',
              databaseId: db.id,
              name: `${db.service}/${db.name}`,
              ...(soon === undefined ? {} : { soon }),
              about: about(db),
            })
        }
        play.tell({
          kind: 'job-succeeded',
          jobKind: 'backup',
          subject: db.id,
          subjectName: `${db.service}/${db.name}`,
        })
      }
      const breached = now - db.lastGood > rpo
      if (breached !== db.breached) {
        db.breached = breached
        play.tell({
          kind: 'protection',
          databaseId: db.id,
          name: `${db.service}/${db.name}`,
          breached,
          reason: breached ? (reachable ? 'overdue' : 'agent-silent') : '',
          detail: '',
          lastDataAsOf: db.lastGood,
          ...(breached ? { about: about(db) } : {}),
        })
      }
    }
    const slowTold = play.book.get(keyOf.destinationSlow('main')) !== undefined
    const isSlowNow = slowTold ? long > 0 : isSlow(running, long, rules.destination)
    if (isSlowNow !== slowTold)
      play.tell({
        kind: 'destination-speed',
        destination: 'main',
        slow: isSlowNow,
        running,
        long,
        about: { labels: { destination: ['main'] } },
      })
    if (flaps(now) && now % hour === 0) {
      const [first] = databases
      if (first !== undefined) {
        const job = { jobKind: 'backup', subject: 'dbs_hourly', subjectName: 'audit/hourly' }
        if ((now / hour) % 2 === 0)
          play.tell({
            kind: 'job-failed-finally',
            jobId: 'job_x',
            code: 'database.unreachable',
            message: 'the server does not answer',
            ...job,
          })
        else play.tell({ kind: 'job-succeeded', ...job })
      }
    }
    if (chatDown(now)) play.down.add('chat')
    else play.down.delete('chat')
    if (now === monday + 5 * day + 15 * hour) await play.ack(keyOf.sizeAnomaly(shrunk.id))
    await play.step(now)
  }

  const told = play.received.map(line)
  const file = join(import.meta.dirname, 'golden/week.txt')
  if (process.env['HOLDFAST_TEST_GOLDEN'] === 'write') writeFileSync(file, `${told.join('\n')}\n`)
  expect(`${told.join('\n')}\n`).toBe(readFileSync(file, 'utf8'))

  await store.close()

  // what a reader of the golden file looks for
  const got = (channel: string, key: string) =>
    play.received
      .filter(each => each.channel === channel && each.payload.alert.dedup_key.startsWith(key))
      .map(each => each.payload.event)
  expect(got('chat', 'site-silent/lon')).toEqual(['opened', 'updated', 'updated', 'resolved'])
  expect(got('mail', 'site-silent/lon')[0]).toBe('opened')
  expect(got('chat', 'outgrows-window/')).toEqual(['opened', 'resolved'])
  expect(got('pager', 'breach/')).toEqual([])
  expect(got('chat', 'agent-silent/agt_lon')).toEqual([])
  expect(got('chat', 'agent-silent/agt_fra-db02')).toEqual([])
  expect(got('chat', 'agent-silent/agt_fra-db03')).toEqual(['opened', 'resolved'])
  expect(got('chat', 'agent-silent/agt_fra-db04')).toEqual([])
  expect(play.received.filter(({ at }) => at >= monday + 6 * day)).toEqual([])
  expect([...play.book.all()].map(each => each.dedupKey)).toEqual([`size-anomaly/${shrunk.id}`])
})

const names = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']

function line({ at, channel, payload: { event, alert } }: Received): string {
  const time = new Date(at).toISOString().slice(11, 16)
  const explains = alert.explains === undefined ? '' : `  [explains ${alert.explains.count}]`
  return `${names[Math.floor((at - monday) / day)]} ${time}  ${channel.padEnd(5)}  ${event.padEnd(8)}  ${alert.severity.padEnd(8)}  ${alert.summary}${explains}`
}
