import type { Command } from 'commander'
import { leaf, noun, type Terminal } from '../command.ts'
import { table } from '../print/table.ts'
import { readProfiles, useProfile } from '../profiles.ts'

const none = { name: '', coordinator: '', inUse: false }

/** `holdfast profile list|use`: several coordinators, one of them in use. */
export function profileCommand(terminal: Terminal): Command {
  return noun('profile', 'coordinators by name', [listing(terminal), use(terminal)])
}

function listing(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'list',
      summary: 'list the profiles of this user',
      examples: ['holdfast profile list'],
    },
    command => command,
    async ({ print }, _args, options) => {
      const { all, current, path } = readProfiles(terminal.environment)
      const inUse = options['profile'] ?? terminal.environment['HOLDFAST_PROFILE'] ?? current
      const rows = [...all].map(([name, { coordinator }]) => ({ name, coordinator, inUse: name === inUse }))
      print(
        { file: path, profiles: rows },
        () =>
          rows.length === 0
            ? `no profile; they go into ${path || 'config.yaml'}`
            : table(
                rows,
                [
                  { heading: 'PROFILE', value: p => p.name, shrinkTo: 12 },
                  { heading: 'COORDINATOR', value: p => p.coordinator, shrinkTo: 16 },
                  { heading: 'IN USE', value: p => (p.inUse ? 'yes' : '-') },
                ],
                terminal.width,
              ),
        rows,
        none,
      )
    },
  )
}

function use(terminal: Terminal): Command {
  return leaf(
    terminal,
    {
      name: 'use',
      summary: 'ask another coordinator from now on',
      examples: ['holdfast profile use staging'],
    },
    command => command.argument('<profile>', 'its name'),
    async ({ print }, [name = '']) => {
      const file = useProfile(terminal.environment, name)
      print({ profile: name, file }, () => `${name} is in use from now on`)
    },
  )
}
