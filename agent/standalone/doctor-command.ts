import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { Answer } from '../../shared/command-line/index.ts'
import type { DestinationProfile } from '../../shared/model/destination.ts'
import { destinationProfiles } from '../../shared/model/destination.ts'
import { probeDestination } from '../../shared/object-store/index.ts'
import { parseDuration } from '../../shared/time/index.ts'
import { type AgentConfig, loadAgentConfig } from '../config.ts'
import { type DoctorFinding, gravest } from '../doctor/finding.ts'
import { checkHooksOfHost } from '../doctor/hooks.ts'
import { checkHost } from '../doctor/host.ts'
import { checkInstances } from '../doctor/instances.ts'
import { hostTable, probeTable, verdict } from '../doctor/print.ts'
import { checkTools } from '../doctor/tools.ts'
import { checkVerify } from '../doctor/verify.ts'
import { engineFor } from '../engines/index.ts'
import { credentialsOf } from '../host/destinations.ts'
import { createToolFinder } from '../process/index.ts'
import { destinationOf, type StoreOptions, withStoreOptions } from './store-options.ts'
import type { Terminal } from './terminal.ts'

interface DoctorOptions extends StoreOptions {
  readonly config?: string
  readonly destination?: string
  readonly destinationName?: string
  readonly profile?: DestinationProfile
  readonly longestDump: number
  readonly keeper?: boolean
  readonly output: 'text' | 'json'
}

/** `holdfast-agent doctor`: what this host can do, or what a destination really supports. */
export function doctorCommand(terminal: Terminal): Command {
  const command = new Command('doctor')
    .description('find out what this host can do, or with --destination what a bucket really supports')
    .option('--config <file>', 'configuration of the agent: instances, tools, credentials (HOLDFAST_CONFIG)')
    .option('--destination <url>', 'destination to try: s3://bucket/prefix or file:///path')
    .option('--destination-name <name>', 'with the credentials the configuration has for that name')
    .addOption(
      new Option('--profile <profile>', 'same as --store-profile').choices(
        destinationProfiles.filter(each => each !== 'directory'),
      ),
    )
    .option(
      '--longest-dump <duration>',
      'how long a dump may take, for the rules of the bucket',
      time,
      86_400_000,
    )
    .option('--keeper', 'the credentials are a keeper’s, which must be able to delete')
  return withStoreOptions(command)
    .addOption(
      new Option('-o, --output <format>', 'form of the result').choices(['text', 'json']).default('text'),
    )
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast-agent doctor --config /etc/holdfast/agent.yaml
  $ holdfast-agent doctor --destination s3://backups/prod --endpoint https://s3.example.com --profile generic

A destination is tried for real: small objects, two multipart uploads and a wrong checksum below v1/doctor/, taken
away again. Exit status: 0 no problem (there may be warnings), 1 a problem, 2 usage, 10 configuration.`,
    )
    .action(async (options: DoctorOptions) => {
      const { value: config } = loadAgentConfig(options.config, {})
      if (options.destination === undefined) await examineHost(config, options, terminal)
      else await examineDestination(options.destination, config, options, terminal)
    })
}

async function examineHost(config: AgentConfig, options: DoctorOptions, terminal: Terminal): Promise<void> {
  const tools = createToolFinder({ paths: config.tools.paths, folders: config.tools.folders })
  const scratch = await mkdtemp(join(tmpdir(), 'holdfast-doctor-'))
  let findings: readonly DoctorFinding[]
  try {
    findings = [
      ...(await checkTools(tools, config.codec)),
      ...(await checkHost({ stateFolder: config.state_dir, partBudget: config.part_budget })),
      ...checkHooksOfHost(new Map(Object.entries(config.hooks))),
      ...(await checkVerify(config.verify, engineFor, tools)),
      ...(await checkInstances(config.instances, engineFor, { scratch, tools, signal: terminal.stop })),
    ]
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
  terminal.out(
    options.output === 'json'
      ? `${JSON.stringify({ ok: gravest(findings) !== 'problem', findings })}\n`
      : `${hostTable(findings)}\n${verdict(findings)}`,
  )
  answer(findings)
}

async function examineDestination(
  url: string,
  config: AgentConfig,
  options: DoctorOptions,
  terminal: Terminal,
): Promise<void> {
  const storeProfile = options.profile ?? options.storeProfile
  const destination = destinationOf(
    url,
    { ...options, ...(storeProfile === undefined ? {} : { storeProfile }) },
    terminal.environment,
  )
  const credentials =
    options.destinationName === undefined
      ? undefined
      : credentialsOf(config.destinations, options.destinationName)
  const probe = await probeDestination(destination, {
    id: randomUUID(),
    signal: terminal.stop,
    longestDumpMs: options.longestDump,
    keeper: options.keeper ?? config.keeper,
    environment: terminal.environment,
    ...(credentials === undefined ? {} : { credentials }),
  })
  terminal.out(
    options.output === 'json'
      ? `${JSON.stringify({ ok: gravest(probe.findings) !== 'problem', probe })}\n`
      : `${probeTable(probe)}\n${verdict(probe.findings)}`,
  )
  answer(probe.findings)
}

function answer(findings: Parameters<typeof gravest>[0]): void {
  if (gravest(findings) === 'problem') throw new Answer(1)
}

function time(text: string): number {
  const length = parseDuration(text)
  if (length === undefined || length === 0) throw new InvalidArgumentError('a duration such as 12h or 2d')
  return length
}
