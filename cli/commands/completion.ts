import { Command } from 'commander'
import type { Terminal } from '../command.ts'

const scripts: Readonly<Record<string, { readonly script: string; readonly example: string }>> = {
  bash: {
    example: 'source <(holdfast completion bash)',
    script: String.raw`# bash completion of holdfast: source <(holdfast completion bash)
_holdfast() {
  local value about
  local -a words=("${'$'}{COMP_WORDS[@]:1:COMP_CWORD}")
  # what was quoted on the line is asked for as it is
  words=("${'$'}{words[@]//[\\\'\"]/}")
  COMPREPLY=()
  while IFS=$'\t' read -r value about; do
    [ -n "$value" ] && COMPREPLY+=("$(printf '%q' "$value")")
  done < <(holdfast __complete "${'$'}{words[@]}" 2>/dev/null)
}
complete -F _holdfast holdfast
`,
  },
  zsh: {
    example: 'source <(holdfast completion zsh)',
    script: String.raw`#compdef holdfast
# zsh completion of holdfast: source <(holdfast completion zsh), or as _holdfast in a folder of $fpath
_holdfast() {
  local line value
  local -a values shown
  while IFS= read -r line; do
    value=${'$'}{line%%$'\t'*}
    [[ -z $value ]] && continue
    values+=("$value")
    shown+=("$value  ${'$'}{line#*$'\t'}")
  done < <(holdfast __complete "${'$'}{(@Q)words[2,CURRENT]}" 2>/dev/null)
  (( $#values )) && compadd -l -d shown -a values
}
compdef _holdfast holdfast
`,
  },
  fish: {
    example: 'holdfast completion fish | source',
    script: `# fish completion of holdfast: holdfast completion fish | source
function __holdfast_complete
    set -l words (commandline -opc) (commandline -ct)
    holdfast __complete $words[2..] 2>/dev/null
end
complete -c holdfast -f -a '(__holdfast_complete)'
`,
  },
}

/** `holdfast completion bash|zsh|fish`: the script that makes a shell ask `holdfast __complete`. */
export function completionCommand(terminal: Terminal): Command {
  const command = new Command('completion').description(
    'write what completes commands, options and names in a shell',
  )
  for (const [shell, { script, example }] of Object.entries(scripts))
    command.addCommand(
      new Command(shell)
        .description(`for ${shell}`)
        .addHelpText('after', `\nExample:\n  $ ${example}`)
        .action(() => terminal.out(script)),
    )
  return command
}
