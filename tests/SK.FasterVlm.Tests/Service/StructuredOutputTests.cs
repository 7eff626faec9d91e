using System.ComponentModel;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using Microsoft.SemanticKernel.Connectors.OpenAI;

namespace SK.FasterVlm.Tests.Service;

/// <summary>Every form of Semantic Kernel's response format reaches the chat client as the schema it means.</summary>
public class StructuredOutputTests
{
    sealed record Invoice([property: Description("In euros")] decimal Total, string? Payee);

    static readonly JsonElement Schema = JsonElement.Parse("""{"type":"object","properties":{"total":{"type":"number"}}}""");

    static async Task<ChatResponseFormat?> Read(object? format)
    {
        using ScriptedChatClient client = new(ScriptedChatClient.Text("{}"));
        await new FasterVlmChatCompletionService(client).GetChatMessageContentAsync(
            "q", new FasterVlmPromptExecutionSettings { ResponseFormat = format }, cancellationToken: TestContext.Current.CancellationToken);
        return client.Requests[0].Options!.ResponseFormat;
    }

    static string SchemaOf(ChatResponseFormat? format) =>
        JsonSerializer.Serialize(Assert.IsType<ChatResponseFormatJson>(format).Schema!.Value);

    [Fact]
    public async Task Words_and_nothing()
    {
        Assert.Null(await Read(null));
        Assert.Same(ChatResponseFormat.Text, await Read("text"));
        Assert.Same(ChatResponseFormat.Json, await Read("json_object"));
        Assert.Same(ChatResponseFormat.Json, await Read(JsonElement.Parse("""{"type":"json_object"}""")));
    }

    [Fact]
    public async Task A_type_becomes_its_schema()
    {
        JsonElement schema = JsonElement.Parse(SchemaOf(await Read(typeof(Invoice))));
        JsonElement total = schema.GetProperty("properties").EnumerateObject().Single(static p => p.Name.Equals("total", StringComparison.OrdinalIgnoreCase)).Value;
        Assert.Equal("In euros", total.GetProperty("description").GetString());
    }

    [Fact]
    public async Task A_schema_in_every_wrapping_is_the_schema_inside()
    {
        object[] forms =
        [
            Schema,
            Schema.GetRawText(),
            JsonNode.Parse(Schema.GetRawText())!,
            ChatResponseFormat.ForJsonSchema(Schema),
            new { type = "object", properties = new { total = new { type = "number" } } },
            JsonElement.Parse("""{"type":"json_schema","json_schema":{"name":"invoice","strict":true,"schema":""" + Schema.GetRawText() + "}}"),
            new { type = "json_schema", json_schema = new { name = "invoice", schema = Schema } },
        ];
        foreach (object form in forms) Assert.Equal(Schema.GetRawText(), SchemaOf(await Read(form)));
        Assert.Equal("invoice", ((ChatResponseFormatJson)(await Read(forms[5]))!).SchemaName);
    }

    [Fact]
    public async Task A_format_survives_settings_that_go_through_json()
    {
        foreach (object form in new object[] { typeof(Invoice), Schema, "json_object", "text", ChatResponseFormat.Json })
        {
            string json = JsonSerializer.Serialize(new FasterVlmPromptExecutionSettings { ResponseFormat = form });
            ChatResponseFormat? before = await Read(form), after = await Read(JsonSerializer.Deserialize<FasterVlmPromptExecutionSettings>(json)!.ResponseFormat);
            Assert.Equal(JsonSerializer.Serialize((before as ChatResponseFormatJson)?.Schema), JsonSerializer.Serialize((after as ChatResponseFormatJson)?.Schema));
            Assert.Equal(before!.GetType(), after!.GetType());
        }
    }

    [Fact]
    public async Task The_settings_of_the_openai_connector_are_read_with_any_format_they_can_hold()
    {
        object[] forms =
        [
            typeof(Invoice),
            OpenAI.Chat.ChatResponseFormat.CreateJsonSchemaFormat("Invoice", BinaryData.FromString(SchemaOf(await Read(typeof(Invoice)))), jsonSchemaIsStrict: true),
            ChatResponseFormat.ForJsonSchema<Invoice>(),
        ];
        foreach (object form in forms)
        {
            using ScriptedChatClient client = new(ScriptedChatClient.Text("{}"));
            OpenAIPromptExecutionSettings settings = new() { ResponseFormat = form, MaxTokens = 9 };
            await new FasterVlmChatCompletionService(client).GetChatMessageContentAsync("q", settings, cancellationToken: TestContext.Current.CancellationToken);
            Assert.Equal(SchemaOf(await Read(typeof(Invoice))), SchemaOf(client.Requests[0].Options!.ResponseFormat));
            Assert.Equal(9, client.Requests[0].Options!.MaxOutputTokens);
            Assert.Same(form, settings.ResponseFormat); // the caller's settings stay as they are
        }
        Assert.Equal(SchemaOf(await Read(typeof(Invoice))), SchemaOf(await Read(forms[1]))); // in our own settings, too
        Assert.Same(ChatResponseFormat.Json, await Read(OpenAI.Chat.ChatResponseFormat.CreateJsonObjectFormat()));
        PromptExecutionSettings plain = new() { ExtensionData = new Dictionary<string, object> { ["response_format"] = forms[1] } };
        Assert.IsType<JsonElement>(FasterVlmPromptExecutionSettings.FromExecutionSettings(plain).ResponseFormat);
    }

    [Theory]
    [InlineData("""{"type":"json_schema"}""")]
    [InlineData("""{"type":"json_schema","json_schema":{"name":"x"}}""")]
    [InlineData("[1]")]
    public async Task Half_a_format_is_refused(string json) =>
        await Assert.ThrowsAsync<ArgumentException>(() => Read(JsonElement.Parse(json)));

    [Fact]
    public async Task An_answer_of_a_prompt_function_can_be_read_as_the_type()
    {
        using ScriptedChatClient client = new(ScriptedChatClient.Text("""{"Total":3.5,"Payee":null}"""));
        ChatMessageContent answer = await new FasterVlmChatCompletionService(client).GetChatMessageContentAsync(
            "q", new FasterVlmPromptExecutionSettings { ResponseFormat = typeof(Invoice) }, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(3.5m, JsonSerializer.Deserialize<Invoice>(answer.Content!)!.Total);
    }
}
