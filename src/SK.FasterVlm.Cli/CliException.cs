namespace SK.FasterVlm.Cli;

/// <summary>An expected failure of the command line itself; the message is the one line the user gets to see.</summary>
internal sealed class CliException(string message, Exception? innerException = null) : Exception(message, innerException);
