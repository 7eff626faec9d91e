namespace SK.FasterVlm.Tests.Conformance;

/// <summary>What the service alone owes: a chat client's contract has one answer to a request.</summary>
public abstract class ServiceConformanceTests : ConformanceTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Several_answers_are_told_apart(bool streaming)
    {
        await using Subject subject = Create(" One.", " Two.", " Three.");
        Outcome outcome = await subject.AskAsync(new() { WithPicture = true, Choices = 3, Temperature = 1 }, streaming);
        Assert.Equal((3, 0), (outcome.Answers.Count, outcome.HistoryGrew));
        Assert.Equal(3, outcome.Answers.Select(static a => Assert.Single(a.Ids.Distinct())).Distinct().Count());
        Assert.All(outcome.Answers, static a => Assert.Contains(a.Reason, new[] { "stop", "length" }));
        if (subject.Scripted) Assert.Equal(["One.", "Two.", "Three."], outcome.Answers.Select(static a => a.Text));
    }

    [Fact]
    public async Task Calls_that_are_invoked_and_their_results_go_into_the_history()
    {
        await using Subject subject = Create("#call Cam.Snap({\"room\":\"Hall\",\"flash\":true})", " Done.");
        Assert.Equal(2, (await subject.AskAsync(new() { WithPicture = true, Functions = Functions.Named, Parallel = false }, false)).HistoryGrew);
    }
}

public sealed class ServiceOverScriptedModelTests : ServiceConformanceTests
{
    protected override Subject Create(params string[] script) => new ServiceSubject(script);
}

public sealed class ClientOverScriptedModelTests : ConformanceTests
{
    protected override Subject Create(params string[] script) => new ClientSubject(script);
}

public sealed class ServiceOverShippedModelTests : ServiceConformanceTests
{
    protected override Subject Create(params string[] script)
    {
        Shipped.Require();
        return new ServiceSubject(null);
    }
}

public sealed class ClientOverShippedModelTests : ConformanceTests
{
    protected override Subject Create(params string[] script)
    {
        Shipped.Require();
        return new ClientSubject(null);
    }
}

static class Shipped
{
    public static void Require() =>
        Assert.SkipUnless(Directory.Exists(Path.Combine(AppContext.BaseDirectory, "models", "tiny-llava")), "this checkout has no embedded model");
}
