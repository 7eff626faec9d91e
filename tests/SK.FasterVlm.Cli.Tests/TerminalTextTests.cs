using SK.FasterVlm.Cli.Output;

namespace SK.FasterVlm.Cli.Tests;

public class TerminalTextTests
{
    [Theory]
    [InlineData("plain text, ü, 猫, 🐈", "plain text, ü, 猫, 🐈")]
    [InlineData("two\nlines\tand a tab", "two\nlines\tand a tab")]
    [InlineData("\u001b[31mred\u001b[0m", "red")]
    [InlineData("\u001b[2J\u001b[Hgone", "gone")]
    [InlineData("\u009b31mred", "red")]
    [InlineData("\u001b]0;title\u0007rest", "0;titlerest")]
    [InlineData("a\u001bcb", "acb")]
    [InlineData("over\rwrite\b\u007f", "overwrite")]
    [InlineData("\u001b[", "")]
    [InlineData("\u001b\u001b[31mx", "x")]
    [InlineData("\u001b[3\u001b[1mx", "x")]
    public void Nothing_that_steers_a_terminal_passes(string text, string expected) => Assert.Equal(expected, TerminalText.Clean(text));

    [Fact]
    public void A_sequence_cut_in_two_by_the_stream_is_still_removed()
    {
        TerminalText text = new();
        Assert.Equal("ac", string.Concat("a\u001b[3;1mc".Select(c => text.Append(c.ToString()))));
    }

    [Fact]
    public void An_error_is_one_line() => Assert.Equal("one two three", TerminalText.OneLine("one\r\n two\n\nthree\u001b[1m\u2028"));
}
