using SK.FasterVlm.Cli.Output;

namespace SK.FasterVlm.Cli.Commands;

/// <summary>What every command gets to work with.</summary>
/// <param name="Terminal">Where input comes from and output goes to.</param>
/// <param name="Interrupts">Ctrl-C.</param>
internal sealed record CommandContext(Terminal Terminal, Interrupts Interrupts);
