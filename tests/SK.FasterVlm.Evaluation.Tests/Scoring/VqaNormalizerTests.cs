using SK.FasterVlm.Evaluation.Scoring;

namespace SK.FasterVlm.Evaluation.Tests.Scoring;

public sealed class VqaNormalizerTests
{
    [Theory]
    [InlineData("Yes", "yes")]
    [InlineData("The Dog.", "dog")]
    [InlineData("1,000", "1000")] // commas go first
    [InlineData("what?", "what")]
    [InlineData("dog's bowl", "dog 's bowl")] // the possessive is split off
    [InlineData("black-white", "black white")] // a mark inside becomes a space
    [InlineData("black - white", "black white")] // one beside a space vanishes, words rejoin at the spaces
    [InlineData("a-b c- d", "ab c d")] // one such place and the mark vanishes everywhere
    [InlineData("3.14", "3.14")]
    [InlineData(".5 liters", ".5 liters")] // a digit follows
    [InlineData("St. 5.", "st 5")]
    [InlineData("two dogs and ten cats", "2 dogs and 10 cats")]
    [InlineData("None", "0")]
    [InlineData("eleven", "eleven")] // the table ends at ten
    [InlineData("an apple a day the end", "apple day end")]
    [InlineData("dont", "don't")]
    [InlineData("couldntve", "couldntve")] // two apostrophes forgotten: not in the table
    [InlineData("couldn'tve", "couldn't've")]
    [InlineData("somebody'd", "somebodyd")]
    [InlineData("line\nbreak\ttab", "line break tab")]
    [InlineData("  spaced   out ", "spaced out")]
    [InlineData("\"quoted\" (text)", "quoted text")]
    [InlineData("", "")]
    public void Normalize_Answer_FollowsEvalAi(string answer, string expected) => Assert.Equal(expected, VqaNormalizer.Normalize(answer));

    [Fact]
    public void Normalize_ManyFullStops_RemovesAtMost32()
    {
        string text = string.Concat(Enumerable.Repeat("a1.", 40));
        Assert.Equal(8, VqaNormalizer.Normalize(text).Count(static c => c == '.'));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 0.3)]
    [InlineData(2, 0.6)]
    [InlineData(3, 0.9)]
    [InlineData(4, 1)]
    [InlineData(10, 1)]
    public void Credit_MatchesOfTen_LeavesOneOut(int matches, double expected)
    {
        string[] references = [.. Enumerable.Repeat("The Dog", matches), .. Enumerable.Range(0, 10 - matches).Select(static i => $"other{i}")];
        Assert.Equal(expected, VqaAccuracy.Credit("dog.", references), 12);
    }

    [Fact]
    public void Credit_NoAnswer_IsZero() => Assert.Equal(0, VqaAccuracy.Credit(null, ["", "", ""]));
}
