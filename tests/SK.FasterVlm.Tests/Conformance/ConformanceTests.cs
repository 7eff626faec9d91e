using System.Text.Json;

namespace SK.FasterVlm.Tests.Conformance;

/// <summary>
/// What every face of the library owes over every model: each branch in which a stock adapter loses something. Run over Semantic Kernel's
/// service and the chat client, with a language model whose words are written in advance (then the words are checked, too) and with the
/// shipped one (what it draws is its own affair; that it is whole and valid is ours).
/// </summary>
public abstract class ConformanceTests
{
    static readonly JsonElement Label = JsonElement.Parse(
        """{"type":"object","properties":{"room":{"enum":["Hall","Attic"]},"paid":{"type":"boolean"}},"required":["room","paid"],"additionalProperties":false}""");

    /// <summary>A fresh subject.</summary>
    /// <param name="script">What a scripted model says, answer by answer.</param>
    protected abstract Subject Create(params string[] script);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Text_with_finish_reason_ids_and_typed_usage_about_a_picture_without_a_mime_type(bool streaming)
    {
        await using Subject subject = Create(" A cat.");
        Answer answer = (await subject.AskAsync(new() { WithPicture = true }, streaming)).Answer;
        if (subject.Scripted) Assert.Equal("A cat.", answer.Text);
        Assert.NotEmpty(answer.Text);
        Assert.Empty(answer.Calls);
        Assert.Equal("stop", answer.Reason);
        Assert.False(string.IsNullOrEmpty(answer.Ids[0]));
        Assert.Single(answer.Ids.Distinct());
        Assert.NotNull(answer.CreatedAt);
        Assert.Equal(subject.Scripted ? "scripted" : "tiny-llava", answer.ModelId);
        Assert.Equal(answer.Statistics.OutputTokens, answer.Usage.OutputTokenCount);
        Assert.Equal(answer.Statistics.PromptTokens, answer.Usage.InputTokenCount);
        Assert.Equal(answer.Usage.InputTokenCount + answer.Usage.OutputTokenCount, answer.Usage.TotalTokenCount);
        Assert.InRange(answer.Statistics.VisualTokensTotal, 1, int.MaxValue); // the picture was seen
        Assert.Equal(answer.Statistics.VisualTokensTotal, answer.Usage.AdditionalCounts!["visual_tokens_total"]);
    }

    [Fact]
    public async Task Streamed_or_not_a_greedy_answer_is_the_same_and_costs_the_same()
    {
        await using Subject subject = Create(" A cat.", " A cat.");
        Question question = new() { WithPicture = true };
        Answer whole = (await subject.AskAsync(question, false)).Answer, streamed = (await subject.AskAsync(question, true)).Answer;
        Assert.Equal((whole.Text, whole.Reason), (streamed.Text, streamed.Reason));
        Assert.Equal((whole.Usage.InputTokenCount, whole.Usage.OutputTokenCount), (streamed.Usage.InputTokenCount, streamed.Usage.OutputTokenCount));
        Assert.NotEqual(whole.Ids[0], streamed.Ids[0]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_answer_that_is_cut_off_ends_with_length(bool streaming)
    {
        await using Subject subject = Create(" A cat.");
        Answer answer = (await subject.AskAsync(new() { WithPicture = true, MaxTokens = 2 }, streaming)).Answer;
        Assert.Equal(("length", 2), (answer.Reason, answer.Usage.OutputTokenCount));
        if (subject.Scripted) Assert.Equal("A", answer.Text);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_schema_is_kept(bool streaming)
    {
        await using Subject subject = Create("""{"room":"Hall","paid":true}""");
        Answer answer = (await subject.AskAsync(new() { WithPicture = true, Schema = Label, Temperature = subject.Scripted ? 0 : 1.5f }, streaming)).Answer;
        Assert.Equal("stop", answer.Reason);
        JsonElement json = JsonElement.Parse(answer.Text);
        Assert.Equal(["paid", "room"], json.EnumerateObject().Select(static p => p.Name).Order());
        Assert.Contains(json.GetProperty("room").GetString(), new[] { "Hall", "Attic" });
        Assert.Contains(json.GetProperty("paid").ValueKind, new[] { JsonValueKind.True, JsonValueKind.False });
        if (subject.Scripted) Assert.Contains("Attic", subject.LastGrammar);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Auto_leaves_it_to_the_model_to_answer(bool streaming)
    {
        await using Subject subject = Create(" No need to look.");
        Answer answer = (await subject.AskAsync(new() { WithPicture = true, Functions = Functions.Auto }, streaming)).Answer;
        Assert.Empty(answer.Calls); // whatever was called was invoked
        if (!subject.Scripted) return; // the shipped model may call or answer
        Assert.Equal(("No need to look.", "stop", 0), (answer.Text, answer.Reason, subject.Camera.Invoked));
        Assert.Contains(subject.Spelled("Cam.Snap("), subject.LastPrompt);
        Assert.Contains("#call ", subject.LastGrammar);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Auto_leaves_it_to_the_model_to_call_and_parallel_calls_are_invoked_and_answered(bool streaming)
    {
        await using Subject subject = Create(
            " Let me see.\n#call Cam.Snap({\"room\": \"Attic\", \"flash\": true})\n#call Cam.Snap({\"room\":\"Hall\",\"flash\":false})", " Two rooms.");
        Outcome outcome = await subject.AskAsync(new() { Functions = Functions.Auto }, streaming);
        Assert.All(subject.Camera.Snapped, static s => Assert.True(Enum.IsDefined(s.Room)));
        if (!subject.Scripted) return; // the shipped model may call or answer
        Assert.Equal(("Two rooms.", "stop"), (outcome.Answer.Text, outcome.Answer.Reason));
        Assert.Equal([(Camera.Room.Attic, true), (Camera.Room.Hall, false)], subject.Camera.Snapped);
        Assert.Contains(subject.Spelled("#call Cam.Snap({\"room\": \"Attic\", \"flash\": true})\n#call Cam.Snap({\"room\":\"Hall\",\"flash\":false})"), subject.LastPrompt); // letter by letter
        Assert.Contains(subject.Spelled("#result Cam.Snap: a picture of Attic\n#result Cam.Snap: a picture of Hall"), subject.LastPrompt);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task None_tells_of_the_functions_and_nothing_is_called(bool streaming)
    {
        await using Subject subject = Create(" I cannot look.");
        Answer answer = (await subject.AskAsync(new() { WithPicture = true, Functions = Functions.None }, streaming)).Answer;
        Assert.Empty(answer.Calls);
        Assert.Equal(0, subject.Camera.Invoked);
        Assert.NotEqual("tool_calls", answer.Reason);
        if (!subject.Scripted) return;
        Assert.Equal("I cannot look.", answer.Text);
        Assert.Contains(subject.Spelled("Cam.Look("), subject.LastPrompt);
    }

    [Theory]
    [InlineData(false, 0f)]
    [InlineData(true, 1.5f)]
    public async Task Required_is_required_in_the_first_round_and_then_answered(bool streaming, float temperature)
    {
        await using Subject subject = Create("#call Cam.Snap({\"room\":\"Hall\",\"flash\":true})", " Done.");
        Answer answer = (await subject.AskAsync(new() { WithPicture = true, Functions = Functions.Required, Parallel = false, Temperature = temperature }, streaming)).Answer;
        Assert.Equal(1, subject.Camera.Invoked);
        Assert.All(subject.Camera.Snapped, static s => Assert.True(Enum.IsDefined(s.Room)));
        Assert.Empty(answer.Calls);
        Assert.NotEqual("tool_calls", answer.Reason);
        if (subject.Scripted) Assert.Equal(("Done.", "stop"), (answer.Text, answer.Reason));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task One_named_function_is_the_one_that_is_called(bool streaming)
    {
        await using Subject subject = Create("#call Cam.Snap({\"room\":\"Hall\",\"flash\":true})");
        Answer answer = (await subject.AskAsync(new() { WithPicture = true, Functions = Functions.Named, Manual = true, Parallel = false, Temperature = 1 }, streaming)).Answer;
        Call call = Assert.Single(answer.Calls);
        Assert.Equal(("Cam.Snap", "tool_calls"), (call.Function, answer.Reason));
        Valid(call);
        if (subject.Scripted) Assert.DoesNotContain(subject.Spelled("Cam.Look"), subject.LastGrammar); // no other can be begun
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Manual_calls_are_given_back_with_their_indices_and_the_history_is_left_alone(bool streaming)
    {
        await using Subject subject = Create("#call Cam.Snap({\"room\":\"Hall\",\"flash\":true})\n#call Cam.Snap({\"room\":\"Attic\",\"flash\":false})\n#call Cam.Look({})");
        Outcome outcome = await subject.AskAsync(new() { WithPicture = true, Functions = Functions.Required, Manual = true, Temperature = 1 }, streaming);
        Assert.Equal((0, 0), (subject.Camera.Invoked, outcome.HistoryGrew));
        IReadOnlyList<Call> calls = outcome.Answer.Calls;
        Assert.NotEmpty(calls);
        Assert.Equal(Enumerable.Range(0, calls.Count), calls.Select(static c => c.Index));
        Assert.Equal(calls.Count, calls.Select(static c => c.Id).Distinct().Count());
        Assert.All(calls, Valid);
        if (!subject.Scripted) return;
        Assert.Equal("tool_calls", outcome.Answer.Reason);
        Assert.Equal(["Cam.Snap", "Cam.Snap", "Cam.Look"], calls.Select(static c => c.Function));
        Assert.Equal(("Attic", "false"), (calls[1].Arguments["room"], calls[1].Arguments["flash"].ToLowerInvariant()));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_picture_in_the_result_of_a_function_is_seen(bool streaming)
    {
        await using Subject subject = Create("#call Cam.Look({})", " A dog.");
        Answer answer = (await subject.AskAsync(new() { Functions = Functions.Named, Named = nameof(Camera.Look), Parallel = false }, streaming)).Answer;
        Assert.Equal(1, subject.Camera.Looked);
        Assert.InRange(answer.Statistics.VisualTokensTotal, 1, int.MaxValue); // none came with the question
        if (subject.Scripted) Assert.Equal("A dog.", answer.Text);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_error_of_a_function_is_told_to_the_model_which_goes_on(bool streaming)
    {
        await using Subject subject = Create("#call Cam.Fail({})", " Sorry.");
        Answer answer = (await subject.AskAsync(new() { WithPicture = true, Functions = Functions.Named, Named = nameof(Camera.Fail), Parallel = false }, streaming)).Answer;
        Assert.Equal(1, subject.Camera.Failed);
        Assert.NotEqual("tool_calls", answer.Reason);
        if (!subject.Scripted) return;
        Assert.Equal("Sorry.", answer.Text);
        Assert.Matches(subject.Spelled(@"#result Cam.Fail: Error: .*the lens is dirty"), subject.LastPrompt);
    }

    static void Valid(Call call)
    {
        if (call.Function == "Cam.Snap")
        {
            Assert.Equal(["flash", "room"], call.Arguments.Keys.Order());
            Assert.Contains(call.Arguments["room"], new[] { "Hall", "Attic" });
            Assert.True(bool.TryParse(call.Arguments["flash"], out _));
        }
        else
        {
            Assert.Contains(call.Function, new[] { "Cam.Look", "Cam.Fail" });
            Assert.Empty(call.Arguments);
        }
    }
}
