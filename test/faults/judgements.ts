import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { AttemptResult } from '../../agent/jobs/result.ts'
import type { Job } from '../../coordinator/jobs/index.ts'
import { waitUntil } from '../harness/index.ts'
import { type BucketContent, contentOf, objectsOf } from './bucket.ts'
import { descendants, stillAlive } from './children.ts'
import { type Fleet, type FleetProcess, isEnd } from './fleet.ts'

export interface JudgeOptions {
  /** Agents that are gone for good: their journal and spool died with their host. */
  readonly gone?: readonly FleetProcess[]
  /** Results a coordinator refused on purpose. */
  readonly rejected?: number
  /** Asked for the audit chain, when the first coordinator does not lead any more; closed afterwards. */
  readonly operator?: Fleet['operator']
}

/**
 * What must be true in the end whatever the fault was (P2, P4, J1–J13). Waits until nothing is under way any
 * more and the keeper has cleaned up, then judges:
 * no manifest for a failed attempt · nothing in the bucket without an owner · no result lost · no doubled
 * job · every job truly ended · audit chain intact · no child process left.
 */
export async function judge(fleet: Fleet, options: JudgeOptions = {}): Promise<void> {
  const { gone = [] } = options
  const present = fleet.agents.filter(agent => !gone.includes(agent))
  await quiet(fleet, present)
  const content = await contentOf(fleet.bucket)
  await judgeManifests(fleet, content)
  await judgeOwnership(fleet, content)
  await judgeJobs(fleet)
  await judgeResults(fleet, present, options.rejected ?? 0)
  await judgeAudit(options.operator ?? fleet.operator)
  options.operator?.close()
  judgeChildren(fleet, present)
}

/** Nothing open, nothing pending, nothing to clean up. */
async function quiet(fleet: Fleet, agents: readonly FleetProcess[]): Promise<void> {
  let why: unknown
  await waitUntil(
    async () => {
      const open = (await fleet.catalog.jobs()).filter(job => !isEnd(job.state.kind))
      const debris = await fleet.catalog.debris()
      const pending = (await Promise.all(agents.map(agent => inHand(agent)))).flat()
      why = { open: open.map(({ id, kind, state }) => ({ id, kind, state })), debris, pending }
      return open.length === 0 && debris.length === 0 && pending.length === 0
    },
    {
      what: 'every job to end, every result to be answered, the keeper to clean up',
      timeout: 60_000,
      interval: 100,
    },
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${JSON.stringify(why, undefined, 1)}`)
  })
}

/** Journal entries and unanswered results of an agent. */
async function inHand(agent: FleetProcess): Promise<string[]> {
  const [journal, spool] = await Promise.all(
    ['journal', 'spool'].map(name => filesIn(join(agent.stateFolder, name))),
  )
  return [...(journal ?? []), ...(spool ?? [])].map(name => `${agent.name}/${name}`)
}

/** P2, J5: a manifest for each recorded backup, byte for byte, and none for anything else. */
async function judgeManifests(fleet: Fleet, content: BucketContent): Promise<void> {
  const backups = await fleet.catalog.backups()
  const attempts = await fleet.catalog.attempts()
  for (const backup of backups) {
    expect(backup.keys).toHaveLength(1)
    const stored = content.manifests.get(backup.keys[0] ?? '')
    expect(stored, `the manifest of ${backup.id} lies in the bucket`).toBeDefined()
    expect(Buffer.compare(stored?.bytes ?? Buffer.alloc(0), backup.manifest), 'and is the recorded one').toBe(
      0,
    )
  }
  const good = new Set<string>(backups.map(each => each.attemptId))
  const named = [...content.manifests.values()].map(({ manifest }) => manifest.attempt_id)
  expect(
    named.filter(id => !good.has(id)),
    'attempts with a manifest and no recorded backup',
  ).toEqual([])
  expect(
    attempts.filter(each => each.outcome !== 'succeeded' && named.includes(each.id)),
    'attempts that did not succeed, with a manifest all the same',
  ).toEqual([])
}

/** P4: every object belongs to a recorded backup, every named object is there, no upload is open. */
async function judgeOwnership(fleet: Fleet, content: BucketContent): Promise<void> {
  expect(await fleet.catalog.debris()).toEqual([])
  const owned = [...content.manifests.values()].flatMap(({ manifest }) => objectsOf(manifest))
  expect([...content.data].sort(), 'objects in the bucket are those of manifests').toEqual(owned.sort())
  expect(content.uploads, 'open multipart uploads').toEqual([])
}

/** J3, J4, J9: one job a slot, one attempt an epoch, nothing open. */
async function judgeJobs(fleet: Fleet): Promise<void> {
  const jobs = await fleet.catalog.jobs()
  expect(jobs.filter(job => !isEnd(job.state.kind))).toEqual([])
  const attempts = await fleet.catalog.attempts()
  for (const job of jobs) {
    const own = attempts.filter(each => each.jobId === job.id)
    expect(
      own.map(each => each.epoch).sort((a, b) => a - b),
      `epochs of ${job.id}`,
    ).toEqual(Array.from({ length: job.epoch }, (_, index) => index + 1))
    expect(
      own.filter(each => each.outcome === undefined),
      'attempts that never ended',
    ).toEqual([])
    expect(
      own.filter(each => each.outcome === 'succeeded' && !surplus(job, each.id)).length,
    ).toBeLessThanOrEqual(1)
    if (job.kind === 'backup' && job.state.kind === 'succeeded')
      expect(
        (await fleet.catalog.backups()).filter(each => each.id === backupOf(job)),
        'a succeeded job has its backup',
      ).toHaveLength(1)
  }
}

function backupOf(job: Job): string | undefined {
  return job.state.kind === 'succeeded' ? job.state.backupId : undefined
}

function surplus(job: Job, attemptId: string): boolean {
  return job.state.kind !== 'succeeded' || job.state.attempt.id !== attemptId
}

/** J12: every result was answered; what an agent reported as a good backup is one, and nothing else is. */
async function judgeResults(fleet: Fleet, agents: readonly FleetProcess[], rejected: number): Promise<void> {
  const recorded = new Set<string>((await fleet.catalog.backups()).map(each => each.attemptId))
  const refused: string[] = []
  for (const agent of agents) {
    refused.push(...(await filesIn(join(agent.stateFolder, 'spool', 'rejected'))))
    const unread = (await filesIn(join(agent.stateFolder, 'aside'))).filter(name => name !== '.probe')
    expect(unread, `what ${agent.name} could not read`).toEqual([])
    for (const result of await acknowledged(agent))
      expect(recorded.has(result.attempt.attempt_id), `${JSON.stringify(result.attempt)} is a backup`).toBe(
        result.kind === 'backup' && result.outcome === 'succeeded',
      )
  }
  expect(refused, 'rejected results').toHaveLength(rejected)
}

async function acknowledged(agent: FleetProcess): Promise<AttemptResult[]> {
  const folder = join(agent.stateFolder, 'spool', 'acked')
  const texts = await Promise.all((await filesIn(folder)).map(name => readFile(join(folder, name), 'utf8')))
  return texts.map(text => (JSON.parse(text) as { readonly result: AttemptResult }).result)
}

async function judgeAudit(operator: Fleet['operator']): Promise<void> {
  const verdict = await operator.ask('verifyAudit', { withoutAnchors: false, thisIncarnation: false })
  expect(verdict).toMatchObject({ intact: true, problem: '' })
  expect(verdict.checked).toBeGreaterThan(0)
}

function judgeChildren(fleet: Fleet, agents: readonly FleetProcess[]): void {
  expect(stillAlive(fleet.noted), 'children seen at the fault').toEqual([])
  for (const agent of agents)
    if (agent.running) expect(descendants(agent.pid), `children of ${agent.name}`).toEqual([])
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  return entries.filter(each => each.isFile()).map(each => each.name)
}
