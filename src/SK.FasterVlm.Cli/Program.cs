using SK.FasterVlm.Cli;
using SK.FasterVlm.Cli.Output;

using Interrupts interrupts = Interrupts.Listen();
return await CliApplication.RunAsync(args, Terminal.FromConsole(), interrupts);
