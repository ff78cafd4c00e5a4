/**
 * The environment of every child: minimal and pinned, so that neither locale nor zone of the host changes
 * what a tool prints, and no secret of the agent's own environment reaches it. `HOME` is not passed on:
 * a `~/.pgpass` or `~/.my.cnf` of whoever runs the agent must never decide a login.
 *
 * @param extra what the command itself asks for; wins over the defaults
 */
export function childEnvironment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LC_ALL: 'C.UTF-8',
    TZ: 'UTC',
    ...extra,
  }
}
