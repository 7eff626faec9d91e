using System.ClientModel;
using System.Text;
using OpenAI.Responses;

namespace SK.FasterVlm.Server.Tests.Clients;

/// <summary>The official .NET SDK, its client of the responses API.</summary>
sealed class OpenAINetResponsesClient(Uri server, string key = "unused") : ISdkClient
{
    public async Task<SdkAnswer> AskAsync(SdkQuestion question, CancellationToken cancellationToken)
    {
        ResponsesClient client = new(new ApiKeyCredential(key), new ResponsesClientOptions { Endpoint = new Uri(server, "/v1") });
        try
        {
            return question.Stream
                ? await StreamAsync(client, Options(question), question.CancelAfter, cancellationToken)
                : Answer(await client.CreateResponseAsync(Options(question), cancellationToken));
        }
        catch (ClientResultException e)
        {
            throw SdkException.Of(e.Status, e.GetRawResponse()!.Content.ToString());
        }
    }

    static CreateResponseOptions Options(SdkQuestion question)
    {
        ResponseContentPart[] parts =
        [
            .. question.Images.Select(static i => ResponseContentPart.CreateInputImagePart(BinaryData.FromBytes(i, "image/jpeg"), ResponseImageDetailLevel.Auto)),
            ResponseContentPart.CreateInputTextPart(question.Text),
        ];
        CreateResponseOptions options = new(question.Model, [ResponseItem.CreateUserMessageItem(parts)])
        {
            MaxOutputTokenCount = question.MaxTokens,
            Temperature = 0,
            StreamingEnabled = question.Stream,
        };
        if (question.Called is { } called)
        {
            options.InputItems.Add(ResponseItem.CreateFunctionCallItem(called.Call.Id, called.Call.Name, BinaryData.FromString(called.Call.Arguments)));
            options.InputItems.Add(ResponseItem.CreateFunctionCallOutputItem(called.Call.Id, called.Result));
        }
        foreach (SdkTool tool in question.Tools)
            options.Tools.Add(ResponseTool.CreateFunctionTool(tool.Name, BinaryData.FromString(tool.Parameters.ToJsonString()), strictModeEnabled: true, tool.Description));
        if (question.Tools.Count > 0)
        {
            options.ParallelToolCallsEnabled = question.Parallel;
            options.ToolChoice = question.ToolChoice switch
            {
                "auto" => ResponseToolChoice.CreateAutoChoice(),
                "none" => ResponseToolChoice.CreateNoneChoice(),
                "required" => ResponseToolChoice.CreateRequiredChoice(),
                _ => ResponseToolChoice.CreateFunctionChoice(question.ToolChoice[1..]),
            };
        }
        if (question.Schema is { } schema)
        {
            options.TextOptions = new ResponseTextOptions
            {
                TextFormat = ResponseTextFormat.CreateJsonSchemaFormat("answer", BinaryData.FromString(schema.ToJsonString()), jsonSchemaIsStrict: true),
            };
        }
        return options;
    }

    static SdkAnswer Answer(ResponseResult response) => new(
        response.GetOutputText() ?? "", Finish(response), [.. response.OutputItems.OfType<FunctionCallResponseItem>().Select(Call)],
        response.Usage.InputTokenCount, response.Usage.OutputTokenCount);

    static async Task<SdkAnswer> StreamAsync(ResponsesClient client, CreateResponseOptions options, int cancelAfter, CancellationToken cancellationToken)
    {
        StringBuilder text = new();
        Dictionary<int, StringBuilder> arguments = [];
        List<(FunctionCallResponseItem Item, int Index)> calls = [];
        ResponseResult? last = null;
        int pieces = 0;
        await foreach (StreamingResponseUpdate update in client.CreateResponseStreamingAsync(options, cancellationToken))
        {
            switch (update)
            {
                case StreamingResponseOutputTextDeltaUpdate delta:
                    text.Append(delta.Delta);
                    break;
                case StreamingResponseFunctionCallArgumentsDeltaUpdate delta:
                    if (!arguments.TryGetValue(delta.OutputIndex, out StringBuilder? pieced)) arguments[delta.OutputIndex] = pieced = new StringBuilder();
                    pieced.Append(delta.Delta.ToString());
                    break;
                case StreamingResponseOutputItemDoneUpdate { Item: FunctionCallResponseItem call } done:
                    calls.Add((call, done.OutputIndex));
                    break;
                case StreamingResponseCompletedUpdate completed:
                    last = completed.Response;
                    break;
                case StreamingResponseIncompleteUpdate incomplete:
                    last = incomplete.Response;
                    break;
            }
            if (cancelAfter > 0 && text.Length > 0 && ++pieces >= cancelAfter) break;
        }
        if (last is null) return new SdkAnswer(text.ToString(), "cancelled", [], 0, 0);
        Assert.Equal(last.GetOutputText() ?? "", text.ToString());
        return Answer(last) with { Calls = [.. calls.Select(c => Call(c.Item) with { Arguments = arguments[c.Index].ToString() })] };
    }

    static SdkCall Call(FunctionCallResponseItem call) => new(call.CallId, call.FunctionName, call.FunctionArguments.ToString());

    /// <summary>In the words of chat completions.</summary>
    static string Finish(ResponseResult response) =>
        response.Status == ResponseStatus.Incomplete ? response.IncompleteStatusDetails.Reason == ResponseIncompleteStatusReason.MaxOutputTokens ? "length" : "content_filter"
        : response.OutputItems.OfType<FunctionCallResponseItem>().Any() ? "tool_calls"
        : "stop";
}
