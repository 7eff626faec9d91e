using System.Text.Json;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Server.Protocol;
using SK.FasterVlm.Server.Requests;

namespace SK.FasterVlm.Server.ChatCompletions;

/// <summary>Reads <c>messages</c>.</summary>
static class MessageReader
{
    /// <summary>Reads all messages.</summary>
    public static List<ChatMessage> Read(JsonFields body, ContentReader content)
    {
        IReadOnlyList<(JsonElement Element, string Path)> list = JsonFields.List(body.Required("messages"), "messages", content.Options.MaxMessages);
        if (list.Count == 0) throw ApiErrors.Value("messages", "it is empty; send at least one message.", "empty_array");
        return [.. list.Select(m => Message(new JsonFields(m.Element, m.Path), content))];
    }

    static ChatMessage Message(JsonFields message, ContentReader content)
    {
        string role = message.RequiredText("role");
        List<AIContent> contents = [];
        ChatMessage read = new() { AuthorName = message.Text("name", 64) };
        switch (role)
        {
            case "system" or "developer":
                read.Role = ChatRole.System;
                Contents(message, content, contents, required: true, images: false);
                break;
            case "user":
                read.Role = ChatRole.User;
                Contents(message, content, contents, required: true, images: true);
                break;
            case "assistant":
                read.Role = ChatRole.Assistant;
                Assistant(message, content, contents);
                break;
            case "tool":
                read.Role = ChatRole.Tool;
                string id = message.RequiredText("tool_call_id", 256);
                Contents(message, content, contents, required: true, images: true);
                contents = [new FunctionResultContent(id, CallArguments.Result(contents))];
                break;
            case "function":
                throw ApiErrors.UnsupportedValue(message.PathOf("role"), "is 'function'; send tool results with the role 'tool'");
            default:
                throw ApiErrors.Value(message.PathOf("role"), $"'{Names.Printable(role)}' is not one of: system, developer, user, assistant, tool.");
        }
        message.End();
        read.Contents = contents;
        return read;
    }

    static void Assistant(JsonFields message, ContentReader content, List<AIContent> contents)
    {
        message.Refuse("audio", "it does not speak");
        message.Refuse("function_call", "use 'tool_calls'");
        message.Take("annotations"); // what the server's own answers carry, empty
        bool calls = message.Has("tool_calls");
        Contents(message, content, contents, required: !calls && !message.Has("refusal"), images: true);
        if (message.Take("refusal") is { } refusal) contents.Add(new TextContent(content.Text(refusal, message.PathOf("refusal"))));
        foreach ((JsonElement element, string path) in message.List("tool_calls", content.Options.MaxTools) ?? [])
            contents.Add(Call(new JsonFields(element, path), content));
    }

    static FunctionCallContent Call(JsonFields call, ContentReader content)
    {
        string id = call.RequiredText("id", 256);
        call.Word("type", "function");
        JsonFields function = call.Object("function") ?? throw ApiErrors.Missing(call.PathOf("function"));
        string name = ToolReader.Name(function);
        string arguments = content.Text(function.Required("arguments"), function.PathOf("arguments"));
        function.End();
        call.Take("index"); // put there by clients that collect streamed calls
        call.End();
        return new FunctionCallContent(id, name, CallArguments.Read(arguments, function.PathOf("arguments"), content.Options.MaxJsonDepth));
    }

    static void Contents(JsonFields message, ContentReader content, List<AIContent> contents, bool required, bool images)
    {
        string path = message.PathOf("content");
        if (message.Take("content") is not { } value)
        {
            if (required) throw ApiErrors.Missing(path);
            return;
        }
        if (value.ValueKind == JsonValueKind.String)
        {
            contents.Add(new TextContent(content.Text(value, path)));
            return;
        }
        IReadOnlyList<(JsonElement Element, string Path)> parts = JsonFields.List(value, path, content.Options.MaxParts);
        if (parts.Count == 0) throw ApiErrors.Value(path, "it is empty.", "empty_array");
        foreach ((JsonElement element, string partPath) in parts) Part(new JsonFields(element, partPath), content, contents, images);
    }

    static void Part(JsonFields part, ContentReader content, List<AIContent> contents, bool images)
    {
        string type = part.RequiredText("type");
        switch (type)
        {
            case "text" or "refusal":
                contents.Add(new TextContent(content.Text(part.Required(type), part.PathOf(type))));
                break;
            case "image_url" when images:
                JsonFields image = part.Object("image_url") ?? throw ApiErrors.Missing(part.PathOf("image_url"));
                string? detail = image.Word("detail", "low", "high", "auto");
                content.Image(contents, image.Required("url"), image.PathOf("url"), detail);
                image.End();
                break;
            case "image_url":
                throw ApiErrors.UnsupportedValue(part.PathOf("type"), "is 'image_url'; images belong to messages of the user, the assistant or a tool");
            case "input_audio" or "file":
                throw ApiErrors.UnsupportedValue(part.PathOf("type"), $"is '{type}'; only text and images are supported");
            default:
                throw ApiErrors.Value(part.PathOf("type"), $"'{Names.Printable(type)}' is not one of: text, image_url.");
        }
        part.End();
    }
}
